"""Compares the hashes of prompt files that rows name with the files at hand."""

from collections import Counter
from pathlib import Path

from stages.core import artifacts
from stages.core.errors import UserError
from stages.core.records import digest
from stages.prompts import Template, parse
from stages.verification.check_results import CheckLog, CheckResult
from stages.verification.set_columns import ID, PROMPT, STEPS, Row, step_field


class PromptFiles:
    """The prompt files below some folders, by hash."""

    def __init__(self, folders: list[Path]) -> None:
        """Raises UserError for a folder that is not there or holds no .txt file."""
        self.paths: dict[str, Path] = {}
        self._texts: dict[str, str] = {}
        self._templates: dict[str, Template | None] = {}
        self._folders: list[list[Path]] = []
        for folder in folders:
            paths = [folder] if folder.is_file() else sorted(folder.rglob("*.txt"))
            if not paths:
                raise UserError(f"{folder}: holds no prompt file (.txt); name the folder of `prompts` in params.yaml")
            self._folders.append(paths)
            for path in paths:
                text = artifacts.read_text(path)
                hashed = digest(text, 16)
                self.paths.setdefault(hashed, path)
                self._texts[hashed] = text

    def template(self, hashed: str) -> Template | None:
        """The prompt file of a hash; None where it is not at hand, or is no prompt file."""
        if hashed not in self._templates:
            self._templates[hashed] = self._parsed(hashed)
        return self._templates[hashed]

    def _parsed(self, hashed: str) -> Template | None:
        try:
            return parse(self._texts[hashed], str(self.paths[hashed])) if hashed in self._texts else None
        except UserError:
            return None

    def named(self, name: str) -> list[Path]:
        """The files of a name, without its ending, in the first folder with any: candidates for one that was edited."""
        named = ([path for path in paths if path.stem == name] for paths in self._folders)
        return next((paths for paths in named if paths), [])


class PromptCheck:
    """Compares each hash once, and counts the steps that name it."""

    def __init__(self, data: str, files: PromptFiles, complete: bool) -> None:
        """complete: whether `files` are to hold every prompt file; else one that is missing is only not compared."""
        self._data, self._files, self._complete = data, files, complete
        self._steps: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], tuple[str, str]] = {}

    def add(self, row: Row) -> None:
        """Count the prompt files of a row."""
        for number, step in enumerate(row.get(STEPS) or ()):
            hashes = step[PROMPT].split("+") if step[PROMPT] else []
            for hashed in hashes:
                # Where two are joined, the first chose the action and the last carried it out.
                name = "choose" if len(hashes) > 1 and hashed == hashes[0] else step["action"]
                self._steps[hashed, name] += 1
                self._first.setdefault((hashed, name), (row[ID], step_field(number, PROMPT)))

    def results(self) -> list[CheckResult]:
        """Compare the hashes with the files."""
        log = CheckLog("prompt files", "hashes")
        for (hashed, name), count in sorted(self._steps.items()):
            if hashed in self._files.paths:
                log.agrees()
                continue
            alike = ", ".join(map(str, self._files.named(name)))
            message = f"no prompt file has the hash {hashed}, with which {count:,} steps `{name}` were made"
            message += f"; edited since, or another one: {alike}" if alike else ""
            if self._complete:
                log.differs(alike or self._data, *self._first[hashed, name], message)
            else:
                log.skip(f"{message}; name its folder with --prompts", count)
        return [log.result()]
