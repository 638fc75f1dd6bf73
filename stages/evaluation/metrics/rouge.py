"""ROUGE-1 and ROUGE-L as the `rouge` package 1.0.1 defines them, which is what the paper's following rates rest on.

It differs from Google's rouge-score, and all three differences matter here: words are separated by blanks
(so every script counts), sentences end at ".", and a word counts once however often it occurs. Lin (2004), ROUGE: A
Package for Automatic Evaluation of Summaries; https://github.com/pltrdy/rouge.
"""

from collections.abc import Sequence


def rouge_1(text: str, reference: str) -> float:
    """F-score of the shared words, in [0, 1]; 0 where either text is empty."""
    words, expected = _words(_sentences(text)), _words(_sentences(reference))
    return _f_score(len(words & expected), len(words), len(expected))


def rouge_l(text: str, reference: str) -> float:
    """F-score of the union, over the reference's sentences, of the longest common subsequences; in [0, 1]."""
    sentences, expected = _sentences(text), _sentences(reference)
    shared = {word for sentence in expected for other in sentences for word in common_subsequence(sentence, other)}
    return _f_score(len(shared), len(_words(sentences)), len(_words(expected)))


def exceeds_l(text: str, reference: str, threshold: float) -> bool:
    """Whether `rouge_l` is above `threshold`. ROUGE-1, never below it, settles the clear cases far faster."""
    return rouge_1(text, reference) > threshold and rouge_l(text, reference) > threshold


def common_subsequence(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """One longest common subsequence of two sequences; where several are longest, the end of `right` yields first."""
    table = _lengths(left, right)
    shared: list[str] = []
    row, column = len(left), len(right)
    while row and column:
        if left[row - 1] == right[column - 1]:
            shared.append(left[row - 1])
            row, column = row - 1, column - 1
        elif table[row - 1][column] > table[row][column - 1]:
            row -= 1
        else:
            column -= 1
    return shared[::-1]


def _lengths(left: Sequence[str], right: Sequence[str]) -> list[list[int]]:
    """[i][j]: length of the longest common subsequence of left[:i] and right[:j]."""
    table = [[0] * (len(right) + 1)]
    for word in left:
        above, line = table[-1], [0]
        for column, other in enumerate(right):
            line.append(above[column] + 1 if word == other else max(line[column], above[column + 1]))
        table.append(line)
    return table


def _sentences(text: str) -> list[list[str]]:
    # A sentence of blanks alone is one empty word, as in the package that the paper's numbers were computed with.
    return [sentence.split() or [""] for sentence in text.split(".") if sentence]


def _words(sentences: list[list[str]]) -> set[str]:
    return {word for sentence in sentences for word in sentence}


def _f_score(shared: int, words: int, expected: int) -> float:
    return 2 * shared / (words + expected) if shared else 0.0
