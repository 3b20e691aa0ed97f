"""Shell completion: scripts to source, and the words that may come next.

The scripts call `rediq __complete SHELL WORDS…`, the last word being the one under the cursor.
What is offered comes from the declarations of the commands, and where a queue, a task or a worker
is named, from the server, if it answers at once. Nothing is ever an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, get_args

from rediq_cli.argv import FLAG_OPTIONS, VALUE_OPTIONS, take_globals
from rediq_cli.tree import NOUN_ALIASES, NOUNS, VERB_ALIASES, Noun, load

if TYPE_CHECKING:
    from rediq_cli.leaf import Leaf

HIDDEN_WORD = "__complete"
SHELLS = ("bash", "zsh", "fish")

SCRIPTS = {
    "bash": """\
# Load it in ~/.bashrc: eval "$(rediq completion bash)"
_rediq() {
  local line="${COMP_LINE:0:COMP_POINT}" words word current
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current="${words[${#words[@]}-1]}"
  COMPREPLY=()
  while IFS= read -r word; do
    # Bash has already kept what stands before the last colon.
    [[ $current == *:* ]] && word="${word#"${current%:*}:"}"
    COMPREPLY+=("$word")
  done < <(rediq __complete bash "${words[@]:1}" 2>/dev/null)
}
complete -o default -F _rediq rediq
""",
    "zsh": """\
#compdef rediq
# Load it in ~/.zshrc, after compinit: eval "$(rediq completion zsh)"
_rediq() {
  local -a offered
  offered=("${(@f)$(rediq __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  offered=(${offered:#})
  (( $#offered )) && _describe rediq offered || _files
}
compdef _rediq rediq
""",
    "fish": """\
# Load it in ~/.config/fish/config.fish: rediq completion fish | source
complete -c rediq -a '(rediq __complete fish (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
""",
}


class Offer(NamedTuple):
    """One word that may come next."""

    word: str
    text: str


def complete(words: Sequence[str]) -> Iterator[str]:
    """Yield a line for each word that may stand where the cursor is, as the shell reads it.

    Args:
        words: The shell's name, then the command line without `rediq`; the last word is the one
            being typed, and may be empty.
    """
    shell, *typed = words or ("bash",)
    current = typed[-1] if typed else ""
    for offer in offers(typed[:-1], current):
        if offer.word.startswith(current):
            yield _line(shell, offer)


def _line(shell: str, offer: Offer) -> str:
    match shell:
        case "zsh":
            return offer.word.replace(":", "\\:") + (f":{offer.text}" if offer.text else "")
        case "fish":
            return f"{offer.word}\t{offer.text}"
        case _:
            return offer.word


def offers(before: Sequence[str], current: str) -> list[Offer]:
    """Return what may follow the words before the cursor, whatever it begins with."""
    if before and before[-1] in VALUE_OPTIONS:
        return _values_of(before[-1])
    given, rest = take_globals(before)
    if not rest:
        return _global_options() if current.startswith("-") else _first_words()
    first, *behind = rest
    noun = NOUNS.get(NOUN_ALIASES.get(first, first))
    if noun is None:
        return [Offer(shell, "") for shell in SHELLS] if rest == ["completion"] else []
    return _behind_noun(noun, behind, current, given)


def _first_words() -> list[Offer]:
    return [
        *(Offer(noun.name, noun.summary) for noun in NOUNS.values()),
        Offer("help", "a command or a topic"),
        Offer("completion", "completion for a shell"),
    ]


def _behind_noun(
    noun: Noun, words: Sequence[str], current: str, given: Sequence[str]
) -> list[Offer]:
    leaves = load(noun).leaves
    if not noun.verbs:
        return _behind_leaf(noun, leaves[noun.name], words, current, given)
    more, rest = take_globals(words)
    if not rest:
        if current.startswith("-"):
            return _global_options()
        return [Offer(verb, leaf.help.summary) for verb, leaf in leaves.items()]
    long_form = {short: verb for verb, short in VERB_ALIASES.items()}
    leaf = leaves.get(rest[0]) or leaves.get(long_form.get(rest[0], ""))
    if leaf is None:
        return []
    return _behind_leaf(noun, leaf, rest[1:], current, [*given, *more])


def _behind_leaf(
    noun: Noun, leaf: Leaf, words: Sequence[str], current: str, given: Sequence[str]
) -> list[Offer]:
    from rediq_cli.leaf import option_names  # noqa: PLC0415 - start-up: the first words need no Typer

    own: list[Offer] = []
    for parameter in leaf.parameters:
        kind, info = get_args(parameter.annotation)[:2]
        names = option_names(info)
        if words and words[-1] in names and kind is not bool:
            return _live(noun, info.metavar, current, [*given, *words])
        own += [Offer(name, info.help or "") for name in names]
    if current.startswith("-"):
        return [*own, *_global_options()]
    return _arguments(noun, leaf, current, [*given, *words])


def _arguments(noun: Noun, leaf: Leaf, current: str, given: Sequence[str]) -> list[Offer]:
    """Return what the server knows that may stand for the first argument of a command."""
    from typer.models import ArgumentInfo  # noqa: PLC0415 - start-up: the first words need no Typer

    for parameter in leaf.parameters:
        info = get_args(parameter.annotation)[1]
        if isinstance(info, ArgumentInfo):
            return _live(noun, info.metavar, current, given)
    return []


def _live(noun: Noun, metavar: str | None, current: str, given: Sequence[str]) -> list[Offer]:
    from rediq_cli.live_words import live_words  # noqa: PLC0415 - start-up: options need none

    words = live_words(noun.name, (metavar or "").strip("[]"), current, given)
    return [Offer(word, "") for word in words]


def _global_options() -> list[Offer]:
    names = [*VALUE_OPTIONS, *FLAG_OPTIONS, "--help", "-h"]
    return [Offer(name, "") for name in names if name.startswith("--")]


def _values_of(option: str) -> list[Offer]:
    if option not in ("-o", "--output"):
        return []
    from rediq_cli.output.writer import FORMATS  # noqa: PLC0415 - start-up

    return [Offer(name, "") for name in FORMATS]
