"""An API in memory: it really keeps bugs and answers like the real one, so that pages are tested without mocks."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx2

NOW = datetime.now(UTC)
PASSWORD = "quiet-otter-9"
SCORES = {"low": 0.1, "medium": 0.2, "high": 0.6, "critical": 0.1}
TEAMS = {"Backend": 0.41, "DevOps": 0.38, "Frontend": 0.16, "Mobile": 0.05}
MOVES = {"open": ["in_progress"], "in_progress": ["resolved", "open"], "resolved": ["open"]}
NAMES = {1: ("tess", "tester", None), 2: ("dev", "developer", "Backend"), 3: ("pm", "pm", None)}


def named(user_id: int) -> dict[str, Any]:
    return {"id": user_id, "username": NAMES[user_id][0], "display_name": NAMES[user_id][0].title()}


def user(user_id: int) -> dict[str, Any]:
    _, role, team = NAMES[user_id]
    return {**named(user_id), "role": role, "is_admin": role == "pm", "is_active": True, "team": team}


def tag(tag_id: int, name: str) -> dict[str, Any]:
    return {"id": tag_id, "name": name, "description": "", "is_active": True, "created_at": NOW.isoformat()}


def prediction(task: str, label: str, decision: str, probabilities: dict[str, float]) -> dict[str, Any]:
    top = sorted(probabilities.items(), key=lambda item: -item[1])[:3]
    return {
        "task": task,
        "label": label,
        "confidence": probabilities[label],
        "decision": decision,
        "probabilities": probabilities,
        "top": [{"label": name, "probability": share} for name, share in top],
        "source": "model",
        "model_version": f"{task}-1",
        "created_at": NOW.isoformat(),
    }


PREDICTIONS = {
    "severity": prediction("severity", "high", "suggest", SCORES),
    "team": prediction("team", "Backend", "ask", TEAMS),
}


MODEL_FACTS = {
    "figures": {},
    "history": [{"stage": "candidate", "reason": "It was made.", "actor": None, "created_at": NOW.isoformat()}],
    "verdict": {
        "task": "team",
        "candidate": "team-2",
        "champion": "team-1",
        "passed": True,
        "rules": [{"name": "learned something", "passed": True, "text": "It got 40 of 50 right."}],
        "created_at": NOW.isoformat(),
    },
}


class FakeApi:
    """One installation in memory. `refusal` answers every request until it is taken away."""

    def __init__(self) -> None:
        self.bugs: dict[int, dict[str, Any]] = {}
        self.feedback: list[dict[str, Any]] = []
        self.contradictions: list[dict[str, Any]] = []
        self.accuracy: list[dict[str, Any]] = []
        self.twins = {"n_new_suggestions": 0, "n_similar_waiting": 0}
        self.asked: dict[int, dict[str, Any]] = {}
        self.duplicates: list[dict[str, Any]] = []
        self.links: dict[int, int] = {}
        self.dismissed: dict[int, set[int]] = {}
        self.followers: dict[int, set[int]] = {}
        self.projects = [tag(1, "Tallybox")]
        self.tokens: dict[str, int] = {}
        self.refresh: dict[str, int] = {}
        self.n_tokens = 0
        self.calls: list[tuple[str, str]] = []
        self.refusal: httpx2.Response | None = None
        self.is_down = False
        self.n_corrections = 0
        self.retrain_after = 50
        self.profiles: dict[int, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.runs: list[dict[str, Any]] = []
        self.experiments: list[dict[str, Any]] = []
        self.promises = {"severity": 0.9, "team": 0.9}
        self.reasons: list[str] = []
        self.pins: list[dict[str, Any]] = []
        self.notifications: list[dict[str, Any]] = []
        self.channels: dict[int, dict[str, Any]] = {}
        self.test_problem: str | None = None
        self.healths: list[dict[str, Any]] = []
        self.triage: list[dict[str, Any]] = []

    @property
    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self.answer)

    def add_bug(self, title: str = "Cart is empty", *, text: str = "The cart crashes.", **facts: Any) -> int:
        bug_id = len(self.bugs) + 1
        self.bugs[bug_id] = {
            "id": bug_id,
            "title": title,
            "description": text,
            "project": "Tallybox",
            "status": "open",
            "severity": "high",
            "severity_set_by": "machine",
            "team": "Backend",
            "team_set_by": "machine",
            "needs_review": True,
            "reporter": named(1),
            "assigned_to": None,
            "created_at": NOW.isoformat(),
            "updated_at": NOW.isoformat(),
            "resolved_at": None,
            "version": 1,
            **facts,
        }
        return bug_id

    def problem(self, status: int, code: str, detail: str, **headers: str) -> httpx2.Response:
        body = {"title": code, "status": status, "detail": detail, "instance": "/", "code": code}
        return httpx2.Response(status, json=body, headers={"content-type": "application/problem+json", **headers})

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.calls.append((request.method, path))
        if self.is_down:
            raise httpx2.ConnectError("refused", request=request)
        if path == "/token":
            return self._sign_in(json.loads(request.content))
        if path == "/api/v1/auth/refresh":
            return self._refresh(json.loads(request.content)["refresh_token"])
        me = self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if me is None:
            return self.problem(401, "NotSignedIn", "Sign in first.")
        if self.refusal is not None:
            return self.refusal
        is_json = request.headers.get("content-type", "").startswith("application/json") and request.content
        body = json.loads(request.content) if is_json else {}
        return self._route(me, f"{request.method} {path.removeprefix('/api/v1')}", body, request)

    def _sign_in(self, body: dict[str, str]) -> httpx2.Response:
        found = next((key for key, facts in NAMES.items() if facts[0] == body["username"]), None)
        if found is None or body["password"] != PASSWORD:
            return self.problem(401, "WrongCredentials", "The user name or the password is wrong.")
        return self._tokens_for(found)

    def _tokens_for(self, user_id: int) -> httpx2.Response:
        self.n_tokens += 1
        access, refresh = f"access-{self.n_tokens}", f"refresh-{self.n_tokens}"
        self.tokens[access] = self.refresh[refresh] = user_id
        return httpx2.Response(200, json={"access_token": access, "expires_in": 1800, "refresh_token": refresh})

    def _refresh(self, token: str) -> httpx2.Response:
        user_id = self.refresh.pop(token, None)
        if user_id is None:
            return self.problem(401, "NotSignedIn", "Sign in first.")
        return self._tokens_for(user_id)

    def _route(self, me: int, call: str, body: dict[str, Any], request: httpx2.Request) -> httpx2.Response:
        routes: list[tuple[str, Callable[..., object]]] = [
            (r"GET /me", lambda: self._me(me)),
            (r"PATCH /me", lambda: self._change_me(me, body)),
            (r"GET /teams", lambda: [tag(number, name) for number, name in enumerate(TEAMS, 1)]),
            (r"GET /projects", lambda: self.projects),
            (r"GET /users", lambda: {"items": [user(key) for key in NAMES]}),
            (r"GET /bugs", lambda: self._list(me, request.url.params)),
            (r"GET /bugs/(\d+)", lambda key: self._detail(me, int(key))),
            (r"PATCH /bugs/(\d+)", lambda key: self._patch(me, int(key), body, request.headers.get("If-Match"))),
            (r"GET /bugs/(\d+)/comments", lambda _key: {"items": []}),
            (r"GET /bugs/(\d+)/events", lambda _key: {"items": []}),
            (r"GET /bugs/(\d+)/attachments", lambda _key: []),
            (r"GET /bugs/(\d+)/explanation", lambda _key: self._explanation()),
            (r"GET /bugs/(\d+)/duplicates", lambda key: self._duplicates(me, int(key))),
            (r"POST /bugs/(\d+)/duplicates", lambda key: self._link(me, int(key), body["duplicate_of"])),
            (r"POST /bugs/(\d+)/duplicates/dismissed", lambda key: self._dismiss(int(key), body["other_id"])),
            (r"DELETE /bugs/(\d+)/duplicates/(\d+)", lambda key, _other: self._split(int(key))),
            (r"PUT /bugs/(\d+)/followers/me", lambda key: self._follow(me, int(key))),
            (r"DELETE /bugs/(\d+)/followers/me", lambda key: self._unfollow(me, int(key))),
            (r"POST /predict", self._predict),
            (r"POST /report_bug", lambda: self._report(me, body)),
            (r"POST /update_bug", lambda: self._update(body)),
            (r"POST /feedback", lambda: self._feedback(me, body)),
            (r"GET /feedback", lambda: {"items": self.feedback}),
            (r"GET /feedback/queue", self._queue),
            (r"GET /feedback/pins", lambda: {"items": self.pins}),
            (r"POST /feedback/pins", lambda: self._pin(me, body)),
            (r"DELETE /feedback/pins/(\d+)/(\w+)", lambda key, task: self._unpin(int(key), task)),
            (r"GET /feedback/contradictions", lambda: self.contradictions),
            (r"GET /notifications", lambda: {"items": self.notifications}),
            (r"GET /channels", lambda: list(self.channels.values())),
            (r"POST /channels", lambda: self._add_channel(body)),
            (r"PATCH /channels/(\d+)", lambda key: self._change_channel(int(key), body)),
            (r"DELETE /channels/(\d+)", lambda key: self._remove_channel(int(key))),
            (r"POST /channels/(\d+)/test", lambda key: self._test_channel(int(key))),
            (r"POST /auth/logout", lambda: self._sign_out(request)),
            (r"GET /stats/overview", self._overview),
            (r"GET /stats/severity", self._severities),
            (r"GET /stats/teams", self._loads),
            (r"GET /stats/feedback", lambda: [{**self._week(), "week": date(2026, 1, 5).isoformat()}]),
            (r"GET /stats/triage", lambda: self.triage),
            (r"GET /stats/trends", lambda: [{"day": "2026-01-05", "n_reported": 1, "n_resolved": 0, "n_open": 1}]),
            (r"GET /stats/acceptance", list),
            (r"GET /stats/health", lambda: list(self.healths)),
            (r"GET /stats/accuracy", lambda: self.accuracy),
            (r"GET /models", lambda: list(self.models.values())),
            (r"GET /models/(team-\d)", lambda name: {**self.models[name], **MODEL_FACTS}),
            (r"POST /models/(team-\d)/promote", lambda name: self._promote(name, body["reason"])),
            (r"POST /models/rollback", lambda: self._promote("team-1", body["reason"])),
            (r"GET /retraining", lambda: {"items": self.runs[::-1]}),
            (r"POST /retraining", self._retrain),
            (r"POST /retraining/(\d+)/cancel", lambda key: self._cancel(int(key))),
            (r"GET /experiments", lambda: {"items": self.experiments[::-1]}),
            (r"POST /experiments", lambda: self._compare(body)),
            (r"POST /experiments/(\d+)/stop", lambda key: self._stop(int(key), body["reason"])),
            (r"GET /promise", self._promises),
            (r"PUT /promise", lambda: self._promise(body)),
            (r"GET /audit", lambda: {"items": []}),
        ]
        for pattern, handle in routes:
            found = re.fullmatch(pattern, call)
            if found:
                answer = handle(*found.groups())
                return answer if isinstance(answer, httpx2.Response) else httpx2.Response(200, json=answer)
        return self.problem(404, "NotFound", f"There is no {call}.")

    def _duplicates(self, me: int, key: int) -> dict[str, Any]:
        root = self.links.get(key)
        people = {self.bugs[key]["reporter"]["id"], *self.followers.get(key, set())}
        known = {root, *(one for one, of in self.links.items() if of == key), *self.dismissed.get(key, set())}
        return {
            "repeats": self._linked(root) if root else None,
            "repeated_by": [self._linked(one) for one, of in self.links.items() if of == key],
            "candidates": [one for one in self.duplicates if one["bug_id"] not in {key, *known}],
            "n_affected": len(people),
            "follows": me in self.followers.get(key, set()),
            "may_link": True,
        }

    def train(self) -> None:
        """A run has ended: team-2 passed the gate, team-3 did not."""
        facts = {"task": "team", "since": NOW.isoformat(), "created_at": NOW.isoformat(), "run_id": None}
        for name, stage, passed in (
            ("team-3", "candidate", False),
            ("team-2", "candidate", True),
            ("team-1", "champion", None),
        ):
            self.models[name] = {"name": name, "stage": stage, "passed": passed, "base": "team-1", **facts}
        self.runs.append({**self._run("refused"), "outcome": "team-3 was refused.", "ended_at": NOW.isoformat()})

    def _promote(self, name: str, reason: str) -> dict[str, Any]:
        self.reasons.append(reason)
        for one in self.models.values():
            one["stage"] = "champion" if one["name"] == name else "retired"
        return {**self.models[name], **MODEL_FACTS}

    def _compare(self, body: dict[str, Any]) -> dict[str, Any]:
        """A comparison that already has figures."""
        figures = {"n": 40, "n_agreed": 30, "only_champion": 2, "only_challenger": 7, "surprise": 3.21}
        arms = {"shown_by_champion": 21, "shown_by_challenger": 19, "ahead": "challenger"}
        corrected = {"corrected_of_champion": 5, "corrected_of_challenger": 1}
        facts = {
            "task": "team",
            "champion": "team-1",
            "n_most": 2_000,
            "winner": None,
            "outcome": "",
            "actor": named(3),
        }
        times = {"created_at": NOW.isoformat(), "ended_at": None}
        one = {"id": len(self.experiments) + 1, **body, **facts, **times, "comparison": figures | arms | corrected}
        self.experiments.append(one)
        return one

    def _stop(self, key: int, reason: str) -> dict[str, Any]:
        self.experiments[key - 1] |= {"ended_at": NOW.isoformat(), "outcome": f"Stopped by pm: {reason}"}
        return self.experiments[key - 1]

    def _run(self, state: str) -> dict[str, Any]:
        run = {"id": len(self.runs) + 1, "trigger": "manual", "state": state, "step": "waiting for a worker"}
        return {**run, "outcome": "", "actor": named(3), "created_at": NOW.isoformat(), "ended_at": None}

    def _retrain(self) -> httpx2.Response:
        self.runs.append(self._run("queued"))
        return httpx2.Response(202, json={**self.runs[-1], "plan": {}, "verdicts": []})

    def _cancel(self, key: int) -> dict[str, Any]:
        self.runs[key - 1].update(state="cancelled", outcome="Cancelled by pm.", ended_at=NOW.isoformat())
        return {**self.runs[key - 1], "plan": {}, "verdicts": []}

    def _promises(self) -> list[dict[str, Any]]:
        curve = {f"{percent / 100:.2f}": 1 - percent / 100 for percent in range(50, 100)}
        return [
            {"task": task, "model": f"{task}-1", "promise": promise, "coverage": 1 - promise, "curve": curve}
            for task, promise in self.promises.items()
        ]

    def _promise(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        self.promises[body["task"]] = body["promise"]
        return self._promises()

    def _linked(self, key: int) -> dict[str, Any]:
        return {name: self.bugs[key][name] for name in ("id", "title", "status", "project", "created_at")}

    def _link(self, me: int, key: int, other: int) -> httpx2.Response:
        if key == other:
            return self.problem(409, "CircularLink", "That link cannot be made: a bug cannot repeat itself.")
        self.links[key] = other
        return httpx2.Response(201, json=self._duplicates(me, key))

    def _dismiss(self, key: int, other: int) -> httpx2.Response:
        self.dismissed.setdefault(key, set()).add(other)
        return httpx2.Response(204)

    def _split(self, key: int) -> httpx2.Response:
        del self.links[key]
        return httpx2.Response(204)

    def _follow(self, me: int, key: int) -> httpx2.Response:
        self.followers.setdefault(key, set()).add(me)
        return httpx2.Response(204)

    def _unfollow(self, me: int, key: int) -> httpx2.Response:
        self.followers[key].discard(me)
        return httpx2.Response(204)

    def _add_channel(self, body: dict[str, Any]) -> httpx2.Response:
        if body["address"].startswith("exec:"):
            return self.problem(422, "RefusedAddress", "The address cannot be used: 'exec://' is not taken.")
        key = len(self.channels) + 1
        self.channels[key] = {
            "id": key,
            "kind": "email" if "@" in body["address"] else "slack",
            "shown": body["address"] if "@" in body["address"] else "…i7FQ",
            "created_at": NOW.isoformat(),
            **dict.fromkeys(("delivered_at", "problem", "failing_since", "team")),
            "n_waiting": 0,
            "n_given_up": 0,
            "is_testing": False,
            **{name: value for name, value in body.items() if name != "address"},
        }
        return httpx2.Response(201, json=self.channels[key])

    def _change_channel(self, key: int, body: dict[str, Any]) -> dict[str, Any]:
        self.channels[key].update(body)
        return self.channels[key]

    def _remove_channel(self, key: int) -> httpx2.Response:
        del self.channels[key]
        return httpx2.Response(204)

    def _test_channel(self, key: int) -> httpx2.Response:
        at = {"failing_since" if self.test_problem else "delivered_at": NOW.isoformat()}
        answer = {**self.channels[key], "is_testing": True}
        self.channels[key].update(at, problem=self.test_problem)
        return httpx2.Response(202, json=answer)

    def _sign_out(self, request: httpx2.Request) -> httpx2.Response:
        self.tokens.pop(request.headers["Authorization"].removeprefix("Bearer "), None)
        return httpx2.Response(204)

    def _me(self, me: int) -> dict[str, Any]:
        own = {"email": None, "locale": None, "preferences": {"theme": "system", "muted": []}, "n_unread": 0}
        return {**user(me), **own, "created_at": NOW.isoformat(), **self.profiles.get(me, {})}

    def _change_me(self, me: int, body: dict[str, Any]) -> dict[str, Any]:
        self.profiles.setdefault(me, {}).update(body)
        return self._me(me)

    def _list(self, me: int, params: httpx2.QueryParams) -> dict[str, Any]:
        found = list(self.bugs.values())
        if params.get_list("status"):
            found = [bug for bug in found if bug["status"] in params.get_list("status")]
        if params.get("reporter") == "me":
            found = [bug for bug in found if bug["reporter"]["id"] == me]
        if params.get("assigned_to") == "me":
            found = [bug for bug in found if (bug["assigned_to"] or {}).get("id") == me]
        if params.get("q"):
            found = [bug for bug in found if params["q"].casefold() in bug["title"].casefold()]
        start, limit = int(params.get("cursor", "0")), int(params.get("limit", "25"))
        more = str(start + limit) if start + limit < len(found) else None
        return {"items": found[start : start + limit], "next_cursor": more, "total": len(found)}

    def _detail(self, me: int, key: int) -> httpx2.Response:
        if key not in self.bugs:
            return self.problem(404, "NotFound", f"There is no bug '{key}'.")
        bug, role = self.bugs[key], NAMES[me][1]
        more = {
            "predictions": list(PREDICTIONS.values()),
            "pinned": [pin["task"] for pin in self.pins if pin["bug_id"] == key],
            "moves": MOVES[bug["status"]] if role != "tester" else [],
            "may_edit": True,
            "may_correct": role == "pm",
            "may_assign": role != "tester",
            "may_attach": True,
            "n_comments": 0,
            "n_attachments": 0,
        }
        return httpx2.Response(200, json={**bug, **more}, headers={"ETag": f'"{bug["version"]}"'})

    def _patch(self, me: int, key: int, body: dict[str, Any], if_match: str | None) -> httpx2.Response:
        bug = self.bugs[key]
        if if_match not in (None, f'"{bug["version"]}"'):
            return self.problem(412, "LostUpdate", "The bug was changed by someone else in the meantime.")
        bug.update(body, version=bug["version"] + 1)
        if "assigned_to_id" in body:
            bug["assigned_to"] = named(body["assigned_to_id"]) if body["assigned_to_id"] else None
        return self._detail(me, key)

    def _explanation(self) -> list[dict[str, Any]]:
        cues = [{"cue": "crashes", "weight": 1.4}, {"cue": "cart", "weight": -0.3}]
        near = [{"bug_id": 7, "title": "Cart crashed", "label": "high", "similarity": 0.8}]
        more = {"n_hidden": 0, "hidden_weight": 0.0, "counterfactual": None, "notes": [], "nearest": near}
        said = [("severity", "high"), ("team", "Backend")]
        return [
            {"task": task, "label": label, "score": 1.1, "intercept": 0.0, "contributions": cues, **more}
            for task, label in said
        ]

    def _predict(self) -> dict[str, Any]:
        return {
            "severity": "high",
            "team": "Backend",
            "predictions": PREDICTIONS,
            "duplicates": self.duplicates,
            "model_version": "severity-1",
            "source": "model",
            "took_ms": 4.0,
            "explanation": self._explanation(),
        }

    def _report(self, me: int, body: dict[str, Any]) -> httpx2.Response:
        key = self.add_bug(body.get("title") or body["description"][:40], text=body["description"], reporter=named(me))
        bug = self.bugs[key]
        bug.update({name: body[name] for name in ("severity", "team", "project") if body.get(name)})
        names = ("id", "title", "status", "severity", "severity_set_by", "team", "team_set_by", "needs_review")
        more = {"predictions": PREDICTIONS, "duplicates": [], "source": "model"}
        return httpx2.Response(201, json={**{name: bug[name] for name in names}, **more})

    def _update(self, body: dict[str, Any]) -> httpx2.Response:
        bug = self.bugs[body["bug_id"]]
        if body["status"] not in MOVES[bug["status"]]:
            return self.problem(409, "IllegalMove", f"A bug that is {bug['status']} cannot become {body['status']}.")
        bug.update(status=body["status"], version=bug["version"] + 1)
        return httpx2.Response(200, json={"message": "Bug updated", "feedback_count": 0})

    def _feedback(self, me: int, body: dict[str, Any]) -> httpx2.Response:
        bug, task = self.bugs[body["bug_id"]], body["task"]
        old = bug[task]
        kind = "confirmation" if body["label"] == PREDICTIONS[task]["label"] else "correction"
        row = {
            "id": len(self.feedback) + 1,
            "bug_id": bug["id"],
            "task": task,
            "kind": kind,
            "predicted": PREDICTIONS[task]["label"],
            "old_label": old,
            "label": body["label"],
            "reason": body.get("reason"),
            "actor": named(me),
            "created_at": NOW.isoformat(),
        }
        self.feedback.append(row)
        bug.update({task: body["label"], f"{task}_set_by": "person", "needs_review": False})
        bug["version"] += 1
        n_corrections = sum(one["kind"] == "correction" for one in self.feedback)
        return httpx2.Response(201, json={"feedback": row, "feedback_count": n_corrections, **self.twins})

    def _pin(self, me: int, body: dict[str, Any]) -> httpx2.Response:
        bug = self.bugs[body["bug_id"]]
        facts = {"title": bug["title"], "label": bug[body["task"]], "actor": named(me), "created_at": NOW.isoformat()}
        self.pins.insert(0, {"reason": None, **body, **facts})
        return httpx2.Response(201, json=self.pins[0])

    def _unpin(self, key: int, task: str) -> httpx2.Response:
        self.pins = [pin for pin in self.pins if (pin["bug_id"], pin["task"]) != (key, task)]
        return httpx2.Response(204)

    def _queue(self) -> dict[str, Any]:
        waiting = [bug for bug in self.bugs.values() if bug["needs_review"]]
        usual = {
            "tasks": ["severity", "team"],
            "reasons": ["Unsure between Backend and DevOps"],
            "is_spot_check": False,
        }
        items = [
            {"bug": bug, "predictions": list(PREDICTIONS.values()), **usual, **self.asked.get(bug["id"], {})}
            for bug in waiting
        ]
        return {"items": items, "n_waiting": len(items)}

    def _overview(self) -> dict[str, Any]:
        names = ("n_in_progress", "n_resolved", "n_critical_open", "n_needs_review", "n_unassigned", "n_mine")
        names += ("n_my_team", "n_reported_last_7_days", "n_resolved_last_7_days", "n_corrections")  # type: ignore[assignment]
        zeros = dict.fromkeys(names, 0)
        hours = {"median_hours_to_triage": 3.5, "median_hours_to_resolve": None, "acceptance": 0.9}
        numbers = {"n_bugs": len(self.bugs), "n_open": len(self.bugs), "n_corrections": self.n_corrections}
        numbers["n_new_corrections"] = self.n_corrections
        return {**zeros, **numbers, "retrain_after_corrections": self.retrain_after, **hours}

    def _severities(self) -> list[dict[str, Any]]:
        counts = {"n_open": 1, "n_in_progress": 0, "n_resolved": 0, "n_total": 1}
        return [{"severity": name, **counts} for name in ("critical", "high", "medium", "low")]

    def _loads(self) -> list[dict[str, Any]]:
        counts = {"n_open": 2, "n_in_progress": 1, "n_resolved": 0, "n_critical_open": 0}
        return [{"team": name, **counts} for name in TEAMS]

    def _week(self) -> dict[str, int]:
        return {"n_corrections": 1, "n_confirmations": 1, "n_overrides": 0, "n_corrections_total": 1}


HOUR = timedelta(hours=1)
