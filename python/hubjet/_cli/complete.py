"""`hubjet completion`: what Tab offers in bash, zsh and fish. Imports _errors, _cli.say; the cache when asked.

The scripts are a few lines each: they hand the words typed so far to `hubjet __complete WORD… CURRENT` and show the lines it prints, each a word
and, behind a tab, what it means; `:files` or `:dirs` leaves the word to the shell. So a new verb or option is known to three shells as it
is to argparse, and what depends on the cache (repositories, their files and revisions) is looked up there. Nobody is asked: no network.
"""

from __future__ import annotations

import os

from .._errors import HubjetError
from .say import out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action, ArgumentParser, Namespace
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Protocol

    from .._store import RepoStore

    class Verb(Protocol):
        """The parser of a verb, as _cli.main has it."""

        def ready(self) -> ArgumentParser:
            """With its arguments."""
            ...

FILES, DIRS = (":files", ""), (":dirs", "")

BASH = """\
# hubjet's completion for bash: in ~/.bashrc   eval "$(hubjet completion bash)"
_hubjet() {
    local current=${COMP_WORDS[COMP_CWORD]} word
    [[ $current == = ]] && current=
    COMPREPLY=()
    while IFS=$'\\t' read -r word _; do
        case $word in
            :files) compopt -o filenames 2>/dev/null
                    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current") ;;
            :dirs)  compopt -o filenames 2>/dev/null
                    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -d -- "$current") ;;
            *)      printf -v word %q "$word"; COMPREPLY+=("$word") ;;
        esac
    done < <("$1" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o nosort -F _hubjet hubjet 2>/dev/null || complete -F _hubjet hubjet
"""

ZSH = """\
#compdef hubjet
# hubjet's completion for zsh: in ~/.zshrc, behind compinit   eval "$(hubjet completion zsh)"
_hubjet() {
    local -a lines described
    local line
    lines=("${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    case $lines[1] in
        '') return 1 ;;
        :files) _files; return ;;
        :dirs) _files -/; return ;;
    esac
    for line in $lines; do
        described+=("${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}")
    done
    _describe hubjet described
}
if [[ $funcstack[1] == _hubjet ]]; then _hubjet "$@"; else compdef _hubjet hubjet; fi
"""

FISH = """\
# hubjet's completion for fish: hubjet completion fish > ~/.config/fish/completions/hubjet.fish
function __hubjet_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] 2>/dev/null)
    switch "$lines[1]"
        case ':files'
            __fish_complete_path (commandline -ct)
        case ':dirs'
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\\n' $lines
    end
end
complete -c hubjet -f -a '(__hubjet_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def add_completion(parser: ArgumentParser) -> None:
    """Arguments of `hubjet completion`."""
    parser.description = (
        "Prints a script that teaches the shell to complete hubjet's verbs, options, settings, and the repositories, files and revisions "
        "that are in the cache."
    )
    parser.epilog = """\
  eval "$(hubjet completion bash)"                in ~/.bashrc
  eval "$(hubjet completion zsh)"                 in ~/.zshrc, behind compinit
  hubjet completion fish > ~/.config/fish/completions/hubjet.fish"""
    parser.add_argument("shell", metavar="SHELL", choices=tuple(SCRIPTS), help=", ".join(SCRIPTS))


def do_completion(options: Namespace) -> None:
    """Prints the script of a shell."""
    out(SCRIPTS[options.shell].rstrip("\n"))


# --- the answer to Tab ----------------------------------------------------------------------------


def answer(words: list[str], top: ArgumentParser, verbs: Mapping[str, Verb], texts: Sequence[tuple[str, str]]) -> None:
    """Prints what may stand in place of the last word. `texts`: each verb, and what it does."""
    try:
        for word, meaning in candidates(words, top, verbs, texts):
            out(f"{word}\t{meaning}" if meaning else word)
    except (HubjetError, OSError):
        pass  # nobody wants to read of it now


def candidates(
    words: list[str], top: ArgumentParser, verbs: Mapping[str, Verb], texts: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """(word, what it means): what may stand in place of the last of `words`, which follow the command's name."""
    *before, current = words or [""]
    verb = next((word for word in before if not word.startswith("-")), None)
    if verb is None:
        yield from _begin(current, _options(top) if current.startswith("-") else texts)
    elif verb == "help":
        yield from _begin(current, texts)
    elif verb in verbs:
        yield from _Typed(verbs[verb].ready(), before[before.index(verb) + 1 :]).candidates(current)


def _begin(current: str, found: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return (one for one in found if one[0].startswith(current) or one in (FILES, DIRS))


def _options(parser: ArgumentParser) -> Iterator[tuple[str, str]]:
    for action in parser._actions:
        for name in action.option_strings:
            if name.startswith("--"):
                yield name, action.help or ""


class _Typed:
    """What stands behind the verb already."""

    def __init__(self, parser: ArgumentParser, words: list[str]) -> None:
        self._parser = parser
        self._options: dict[str, str] = {}  # option -> value, of those with one
        self._names: list[str] = []
        self._waiting: Action | None = None  # an option whose value comes next
        self._only_names = False  # behind --
        for word in words:
            if word == "=" and self._waiting is not None:
                continue  # bash takes --revision=main for three words
            if self._waiting is not None:
                self._options[self._waiting.option_strings[-1]] = word
                self._waiting = None
            elif word == "--" and not self._only_names:
                self._only_names = True
            elif word.startswith("-") and not self._only_names:
                name, equals, value = word.partition("=")
                action = parser._option_string_actions.get(name)
                if action is not None and action.nargs != 0:
                    self._options[action.option_strings[-1]] = value
                    self._waiting = None if equals else action
            else:
                self._names.append(word)

    def candidates(self, current: str) -> Iterator[tuple[str, str]]:
        """See above."""
        if self._waiting is not None:
            yield from _begin("" if current == "=" else current, self._values(self._waiting))
            return
        name, equals, value = current.partition("=")
        action = self._parser._option_string_actions.get(name) if equals else None
        if action is not None:
            yield from ((f"{name}={word}", meaning) for word, meaning in _begin(value, self._values(action)) if not word.startswith(":"))
        elif current.startswith("-") and not self._only_names:
            yield from _begin(current, _options(self._parser))
        else:
            yield from _begin(current, self._next_name())

    def _next_name(self) -> Iterator[tuple[str, str]]:
        places = self._parser._get_positional_actions()
        nth = len(self._names)
        if nth < len(places):
            yield from self._values(places[nth])
        elif places and places[-1].nargs == "*":
            yield from (one for one in self._values(places[-1]) if one[0] not in self._names)

    def _values(self, action: Action) -> Iterator[tuple[str, str]]:
        if action.choices is not None:
            yield from ((str(choice), "") for choice in action.choices)
            return
        of_repo = not action.option_strings and self._parser._get_positional_actions()[0].metavar == "REPO"
        table: dict[str, Callable[[], Iterable[tuple[str, str]]]] = {
            "REPO": self._repos,
            "FILE": self._files if of_repo else lambda: [FILES],
            "PATH": lambda: [FILES],
            "PROGRAM": lambda: [FILES],
            "DIR": lambda: [DIRS],
            "REV": self._revisions,
            "NAME": _settings if self._parser.prog.endswith(" config") else tuple,
        }
        yield from table.get(str(action.metavar), tuple)()

    def _repos(self) -> Iterator[tuple[str, str]]:
        from .._config import resolve
        from .._keep.census import stores_in

        kind = self._options.get("--type", "model")
        return ((store.repo.id, "") for store in stores_in(resolve(cache_dir=self._options.get("--cache-dir")).cache_dir) if store.repo.type == kind)

    def _store(self) -> RepoStore | None:
        from .._config import resolve
        from .._keep.census import stores_in

        kind = self._options.get("--type", "model")
        return next((s for s in stores_in(resolve(cache_dir=self._options.get("--cache-dir")).cache_dir) if [s.repo.type, s.repo.id] == [kind, *self._names[:1]]), None)

    def _files(self) -> Iterator[tuple[str, str]]:
        """Of the repository that was named: all, where its listing is kept, else those that are here."""
        from .._store import read_tree
        from .._words import size

        store = self._store()
        commit = store.read_ref(self._options.get("--revision") or "main") if store is not None else None
        if store is None or commit is None:
            return
        tree = read_tree(store.folder, commit)
        if tree is not None:
            yield from ((name, size(facts.size)) for name, facts in tree.items())
            return
        top = store.snapshot(commit)
        for folder, _, names in os.walk(top):
            yield from ((os.path.relpath(os.path.join(folder, name), top).replace(os.sep, "/"), "") for name in sorted(names))

    def _revisions(self) -> Iterator[tuple[str, str]]:
        from .._keep.census import revisions_of

        store = self._store()
        if store is not None:
            yield from ((name, commit[:12] if name != commit else "") for name, commit in revisions_of(store).items())


def _settings() -> Iterator[tuple[str, str]]:
    from .._config import OPTIONS

    return ((name, option.doc.partition(". ")[0]) for name, option in OPTIONS.items())
