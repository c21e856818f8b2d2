// The Kanban board: cards are data, moves are events. `drawBoard` knows nothing of Streamlit.
//
// data: {columns: [{status, name, moves: [status]}], cards: [{id, title, status, severity, severityName, team, when,
//        person, review, movable}], words: {...}, answer: {number, id, ok, message} | null}
// emit.move({id, to, number}), emit.open({id, number})

export function drawBoard(root, data, emit) {
  const board = root.__board ?? (root.__board = { focused: null, number: Date.now(), answered: 0, drag: null });
  board.data = data;
  board.emit = emit;
  board.cards = data.cards.map((card) => ({ ...card }));
  let live = root.querySelector(".live");
  if (!live) {
    // The live region stays while everything else is drawn anew: a replaced one is not read out.
    live = element("div", { class: "live", "aria-live": "polite", role: "status" });
    board.columns = element("div", { class: "columns" });
    root.append(live, board.columns);
  }
  board.live = live;
  const answer = data.answer;
  if (answer && answer.number !== board.answered) {
    board.answered = answer.number;
    board.focused = answer.id;
    say(board, answer.message, !answer.ok);
  }
  if (!board.drag) drawColumns(board);
}

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== false) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function fill(words, facts) {
  return words.replace(/\{(\w+)\}/g, (_, name) => facts[name] ?? "");
}

function say(board, message, refused = false) {
  board.live.textContent = message;
  board.live.classList.toggle("refused", refused);
}

function drawColumns(board) {
  const active = board.columns.getRootNode().activeElement;
  if (active?.dataset?.id) board.focused = Number(active.dataset.id);
  const hadFocus = Boolean(active?.dataset?.id);
  board.columns.replaceChildren(
    ...board.data.columns.map((column) => {
      const cards = board.cards.filter((card) => card.status === column.status);
      const name = `column-${column.status}`;
      const list = element("ul", { class: "cards", role: "list", "aria-labelledby": name, "data-status": column.status });
      list.append(...cards.map((card) => drawCard(board, card)));
      if (!cards.length) list.append(element("li", { class: "none" }, board.data.words.empty));
      const count = element("span", { class: "count" }, column.more ? `${cards.length}+` : String(cards.length));
      return element("section", { class: `column ${column.status}`, "data-status": column.status },
        element("h2", { id: name }, column.name, count), list);
    }),
  );
  if (hadFocus || board.data.answer?.id === board.focused) cardOf(board, board.focused)?.focus({ preventScroll: false });
}

function cardOf(board, id) {
  return board.columns.querySelector(`[data-id="${Number(id)}"]`);
}

function drawCard(board, card) {
  const { words } = board.data;
  const badge = element("span", { class: `badge ${card.severity}` }, element("i", { "aria-hidden": "true" }), card.severityName);
  const facts = element("span", { class: "facts" }, badge, element("span", { class: "chip" }, card.team));
  const foot = element("span", { class: "foot" }, element("span", {}, `#${card.id}`),
    card.review ? element("span", { class: "review" }, words.review) : null,
    card.person ? element("span", { class: "person" }, card.person) : null, element("time", {}, card.when));
  const button = element("button", { type: "button", class: "card", "data-id": card.id,
    "aria-describedby": "how", "data-movable": card.movable ? "yes" : "no" },
    element("span", { class: "title" }, card.title), facts, foot);
  button.addEventListener("keydown", (event) => onKey(board, card, event));
  button.addEventListener("click", () => {
    if (board.justDragged) return;
    board.focused = card.id;
    board.emit.open({ id: card.id, number: ++board.number });
  });
  if (card.movable) button.addEventListener("pointerdown", (event) => onPress(board, card, button, event));
  return element("li", {}, button);
}

function onKey(board, card, event) {
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  if (event.key in steps && !event.altKey && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    const order = board.data.columns.map((column) => column.status);
    const to = order[order.indexOf(card.status) + steps[event.key]];
    if (to) move(board, card, to);
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const all = [...board.columns.querySelectorAll(`[data-status="${card.status}"] .card`)];
    all[all.findIndex((one) => Number(one.dataset.id) === card.id) + (event.key === "ArrowDown" ? 1 : -1)]?.focus();
  }
}

function allowed(board, card, to) {
  return card.movable && board.data.columns.find((column) => column.status === card.status)?.moves.includes(to);
}

function move(board, card, to) {
  const column = board.data.columns.find((one) => one.status === to);
  if (to === card.status) return;
  if (!allowed(board, card, to)) {
    say(board, fill(card.movable ? board.data.words.illegal : board.data.words.forbidden, { title: card.title, column: column.name }), true);
    return;
  }
  board.focused = card.id;
  board.cards = board.cards.filter((one) => one.id !== card.id);
  card.status = to;
  board.cards.unshift(card); // shown at once; the answer confirms it or brings the old place back
  drawColumns(board);
  cardOf(board, card.id)?.focus();
  say(board, fill(board.data.words.moving, { title: card.title, column: column.name }));
  board.emit.move({ id: card.id, to, number: ++board.number });
}

const DRAG_PIXELS = 6; // less is a click with an unsteady hand
const HOLD_MILLISECONDS = 220; // on touch a drag begins after a hold, so that a swipe still scrolls

function onPress(board, card, button, press) {
  if (press.button !== 0) return;
  const touch = press.pointerType === "touch";
  let ready = !touch;
  const hold = touch ? setTimeout(() => { ready = true; button.classList.add("held"); }, HOLD_MILLISECONDS) : 0;
  const columnAt = (event) => [...board.columns.querySelectorAll(".column")].find((column) => {
    const box = column.getBoundingClientRect();
    return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
  });
  const begin = (event) => {
    const box = button.getBoundingClientRect();
    const ghost = button.cloneNode(true);
    ghost.classList.add("ghost");
    ghost.style.width = `${box.width}px`;
    ghost.removeAttribute("data-id");
    board.columns.append(ghost);
    button.classList.add("lifted");
    board.drag = { ghost, dx: press.clientX - box.left, dy: press.clientY - box.top };
    button.setPointerCapture?.(event.pointerId);
  };
  const onMove = (event) => {
    const far = Math.hypot(event.clientX - press.clientX, event.clientY - press.clientY) > DRAG_PIXELS;
    if (!board.drag && far && !ready) return end(); // a swipe: let it scroll
    if (!board.drag && far) begin(event);
    if (!board.drag) return;
    event.preventDefault();
    board.drag.ghost.style.transform = `translate(${event.clientX - board.drag.dx}px, ${event.clientY - board.drag.dy}px)`;
    const target = columnAt(event);
    for (const column of board.columns.querySelectorAll(".column")) {
      const over = column === target;
      column.classList.toggle("welcome", over && allowed(board, card, column.dataset.status));
      column.classList.toggle("refuse", over && column.dataset.status !== card.status && !allowed(board, card, column.dataset.status));
    }
  };
  const onTouchMove = (event) => { if (ready) event.preventDefault(); };
  const onUp = (event) => {
    const target = board.drag ? columnAt(event) : null;
    const dragged = Boolean(board.drag);
    end();
    if (!dragged) return;
    board.justDragged = true;
    setTimeout(() => { board.justDragged = false; }, 0); // the click that follows a drag opens nothing
    if (target) move(board, card, target.dataset.status);
  };
  const onEscape = (event) => { if (event.key === "Escape" && board.drag) { event.stopPropagation(); end(); } };
  function end() {
    clearTimeout(hold);
    board.drag?.ghost.remove();
    board.drag = null;
    button.classList.remove("lifted", "held");
    for (const column of board.columns.querySelectorAll(".column")) column.classList.remove("welcome", "refuse");
    window.removeEventListener("pointermove", onMove);
    window.removeEventListener("pointerup", onUp);
    window.removeEventListener("pointercancel", end);
    window.removeEventListener("keydown", onEscape, true);
    button.removeEventListener("touchmove", onTouchMove);
  }
  window.addEventListener("pointermove", onMove);
  window.addEventListener("pointerup", onUp);
  window.addEventListener("pointercancel", end);
  window.addEventListener("keydown", onEscape, true);
  button.addEventListener("touchmove", onTouchMove, { passive: false });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".board");
  parentElement.querySelector(".how").textContent = data.words.how;
  drawBoard(root, data, {
    move: (moved) => setTriggerValue("moved", moved),
    open: (opened) => setTriggerValue("opened", opened),
  });
}
