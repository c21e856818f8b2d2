"""Sentences that the API composes and the pages show, as templates: a brace stands for any text.

The API speaks English, and what the gate said stays in the database as it was said. A catalogue translates the
templates; `bugflow.ui.language.said` recognises their sentences. Errors are not listed here: their docstrings are.
"""

REVIEW = (
    "A random check: it measures how often BugFlow is right",
    "Nothing like it was labelled yet",
    "Near twin #{bug} was given to {team}",
    "A near twin was given to another team",
    "Perhaps {label}",
    "Unsure between {one} and {other}",
)
EXPLANATION = (
    'without "{cue}": {label}',
    "text truncated",
    "no word of the report is known to the model",
    "answered by keyword rules",
    "no keyword speaks for it",
    "by occlusion: each word is what the score loses when it is left out; words act together, and what they share "
    "stands in the part without any cue",
    "of {n} different words the first {n_first} were left out in turn",
)
CUES = (
    "project: {name}",
    "signal: meaning of the whole text",
    "signal: what corrections taught about its meaning",
    "signal: many words in the title",
    "signal: long description",
    "signal: no description",
    "signal: has code or a log",
    "signal: has a stack trace",
    "signal: names an exception",
    "signal: names an error code",
    "signal: says how to reproduce",
    "signal: names a version",
    "signal: names a platform",
    "signal: asks a question",
    "signal: shouts",
    "signal: keyword rule: {label}",
)
TRAINING = (
    "waiting for a worker",
    "planned",
    "learning {field}",
    "judged {field}",
    "It passed the gate.",
    "It passed the gate of run {run}.",
    "It answered from the start.",
    "{model} was refused.",
    "{model} answers now in place of {former}.",
    "{model} passed the gate and waits for a project manager.",
    "{model} has just been promoted.",
    "Cancelled by {who}.",
    "Nobody has said anything about a {field} yet.",
    "For {field} people have spoken on {n} bugs; it takes {least}.",
    "Every bug is {label}: of one {field} alone nothing can be learned.",
)
GATE = (
    "{n} of {all} corrections contradict what the others teach; at most {most} may.",
    "Of bugs on which people spoke, and which it had not seen, the candidate got {n} of {all} right ({share}); {least} "
    "are needed, as {chance} would agree by chance.",
    "Of the {n} bugs on which people spoke or which they left alone: candidate {candidate} right, champion {champion}; "
    "only the candidate {only_candidate}, only the champion {only_champion}.",
    "Of {n} bugs whose prediction people confirmed or left alone, the candidate says something else of {lost}; at most "
    "{most} may be.",
    "Of {n} pinned bugs the champion gets {champion} right; the candidate loses {lost} of these ({bugs}).",
    "Unpin what is wrong.",
    "Of {n} pinned bugs the champion gets {champion} right; the candidate loses none of these.",
    "It would act on none of them yet; {promise} right are promised.",
    "Where it would act it is right {share} of the time ({n} bugs); promised: {promise}.",
    "Of {n} bugs that are {label}, the candidate finds {candidate}, the champion {champion}.",
    "Of {n} frozen rows that are {label}, the candidate finds {candidate}, the champion {champion}.",
    "Of the {n} frozen rows that came with the base: candidate {candidate} right, champion {champion}; beyond chance, "
    "at most {most} may be lost.",
    "Macro-F1 there: candidate {candidate}, champion {champion}; beyond chance, at most {most} may be lost.",
    "What it says of its sureness is off by {candidate} there, the champion by {champion}; it may rise by {most}.",
    "Their projects withheld, and how often each label occurs taken out, the candidate gets {candidate} of {n} right, "
    "the champion {champion}; at most {most} may be lost.",
)
COMPARISONS = (
    "Stopped by {who}: {why}",
    "People corrected {model} on {n} of {all} bugs, {other} on {n_other} of {all_other}.",
    "Of {n} bugs {model} alone would have been right on {n_model}, {other} alone on {n_other}.",
    "It answers for all now.",
    "A PM may promote it.",
    "{model} answers for all again.",
    "{model} answers on.",
    "So {model} answers again.",
    "{model} is trusted now.",
    "No difference was found.",
)
HEALTH = (
    "How sure it is changed since it began to answer.",
    "What it answers changed since it began to answer.",
    "The projects that reports come from changed since it began to answer.",
    "How long reports are changed since it began to answer.",
    "Correct what is wrong in Review, then train; until then a higher promise is safer.",
    "Look at what waits in Review, and train when people have spoken on it.",
)
RECEIVERS = (
    "it answered {status}.",
    "it cannot be reached or does not answer.",
    "it holds spaces or invisible characters.",
    "it names several receivers. Add a channel for each of them.",
    "it is neither an e-mail address nor the address of a web hook.",
    "its address lies in a private network, which is not allowed here.",
    "BugFlow has no mail server any more (BUGFLOW_SMTP_URL).",
    "the mail server does not answer in time.",
    "the mail server cannot be reached.",
)
FILES = (
    "the bug has {n} already; remove one first.",
    "it is empty.",
    "only these are taken: {suffixes}.",
    "its content is {type}, its name says {suffix}.",
    "its content is not what {suffix} promises.",
)
WORDS = (
    "administrator", "attachment", "bug", "channel", "comment", "experiment", "model", "project", "severity", "team",
    "user", "open", "in_progress", "resolved", "low", "medium", "high", "critical", "tester", "developer", "pm",
)  # fmt: skip
"""What stands in the braces of others."""
SENTENCES = (*REVIEW, *EXPLANATION, *CUES, *TRAINING, *GATE, *COMPARISONS, *HEALTH, *RECEIVERS, *FILES, *WORDS)
