"""Which files are found: rules, links, names, kinds, in an order that does not change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tecla.errors import ConfigError, OptionError
from tecla.learning.base import Limits
from tecla.learning.rules import patterns_of
from tecla.learning.walking import Found, Skipped, roots_of, walk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def put(folder: Path, **files: str) -> None:
    """Files by name, `__` for a slash and `_D_` for a dot."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_D_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(folder: Path, *exclude: str) -> list[str]:
    walked = walk(folder, exclude, Limits())
    return [str(each.path.relative_to(folder)) for each in walked if isinstance(each, Found)]


def skipped(folder: Path, *exclude: str) -> dict[str, str]:
    walked = walk(folder, exclude, Limits())
    return {
        str(each.path.relative_to(folder)): each.reason
        for each in walked
        if isinstance(each, Skipped)
    }


def test_files_come_in_the_order_of_their_names(folder: Path) -> None:
    put(folder, b_D_txt="", a__z_D_md="", a__b__c_D_txt="", c_D_jpg="")
    assert found(folder) == ["a/b/c.txt", "a/z.md", "b.txt"]
    assert skipped(folder) == {"c.jpg": "kind"}


def test_rules_of_a_folder_and_those_below(folder: Path) -> None:
    put(
        folder,
        _D_gitignore="*.md\n/top.txt\nbuild/\n!kept.md\n# a remark\n",
        _D_teclaignore="draft*\n",
        a_D_md="", kept_D_md="", top_D_txt="", draft1_D_txt="",
        build__in_D_txt="", sub__top_D_txt="",
        sub___D_gitignore="!*.md\nlow.txt\n", sub__b_D_md="", sub__low_D_txt="",
    )  # fmt: skip
    assert found(folder) == ["kept.md", "sub/b.md", "sub/top.txt"]
    assert skipped(folder)["build"] == "ignored"


def test_rules_above_hold_up_to_the_root_of_the_repository(folder: Path) -> None:
    put(folder, _D_gitignore="a.txt\n", repo__docs__a_D_txt="", repo__docs__b_D_txt="")
    assert found(folder / "repo" / "docs") == ["a.txt", "b.txt"]
    put(folder, repo___D_gitignore="docs/b.txt\n", repo___D_git__HEAD="")
    assert found(folder / "repo" / "docs") == ["a.txt"]
    assert found(folder / "repo" / "docs" / "b.txt") == ["."]  # who names it means it


def test_own_patterns_decide_over_all_that_stands_in_folders(folder: Path) -> None:
    put(folder, a_D_txt="", Finance__b_D_txt="", node_modules__c_D_md="")
    assert found(folder) == ["Finance/b.txt", "a.txt"]
    assert found(folder, "Finance/") == ["a.txt"]
    assert found(folder, "!node_modules/") == ["Finance/b.txt", "a.txt", "node_modules/c.md"]
    put(folder, repo__plan_D_draft_D_md="", repo__b_D_md="", repo___D_gitignore="*\n!*.md\n")
    assert found(folder / "repo") == ["b.md", "plan.draft.md"]
    assert found(folder / "repo", "*.draft.md") == ["b.md"]
    assert found(folder, "*.draft.md", "Finance/") == ["a.txt", "repo/b.md"]


def test_a_mark_at_the_beginning_is_no_part_of_a_rule(folder: Path) -> None:
    put(folder, a_D_md="", b_D_md="", c_D_md="", _D_teclaignore="\ufeffa.md\r\nb.md\r\n")
    assert found(folder) == ["c.md"]


def test_hidden_files_are_not_even_looked_at(folder: Path) -> None:
    put(folder, _D_env="", _D_ssh__id_D_txt="", a_D_txt="")
    assert found(folder) == ["a.txt"]
    assert skipped(folder) == {}


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    put(outside, secret_D_txt="x")
    put(folder, a_D_txt="")
    (folder / "in.txt").symlink_to(folder / "a.txt")
    (folder / "out.txt").symlink_to(outside / "secret.txt")
    (folder / "outside").symlink_to(outside)
    (folder / "ring").symlink_to(folder)
    assert found(folder) == ["a.txt"]
    assert set(skipped(folder).values()) == {"link"}
    assert found(outside.parent / "folder") == ["a.txt"]


def test_what_is_named_through_a_link_is_where_it_leads(folder: Path, tmp_path: Path) -> None:
    put(folder, a_D_txt="")
    (tmp_path / "link").symlink_to(folder)
    assert roots_of([tmp_path / "link", folder, folder / "a.txt"]) == [folder.resolve()]


def test_a_file_that_is_named_is_learnt_if_it_is_text(folder: Path) -> None:
    put(folder, README="text", _D_hidden="text")
    (folder / "picture").write_bytes(b"\x89PNG\0\0")
    assert found(folder) == []
    assert found(folder / "README") == ["."]
    assert found(folder / ".hidden") == ["."]
    assert skipped(folder / "picture") == {".": "binary"}


def test_names_that_are_no_text_and_files_that_are_none(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff.txt")).write_text("x")
    os.mkfifo(folder / "pipe.txt")
    put(folder, a_D_txt="x")
    assert found(folder) == ["a.txt"]
    assert list(skipped(folder).values()) == ["name"]
    with pytest.raises(OptionError, match="neither a file nor a folder"):
        roots_of([folder / "pipe.txt"])


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_folders_that_are_closed(folder: Path) -> None:
    put(folder, shut__a_D_txt="")
    (folder / "shut").chmod(0)
    assert skipped(folder) == {"shut": "unreadable"}
    (folder / "shut").chmod(0o700)


def test_large_files_are_not_learnt(folder: Path) -> None:
    put(folder, a_D_txt="x" * 20, b_D_txt="x")
    walked = list(walk(folder, (), Limits(file_bytes=10)))
    assert [getattr(each, "reason", "found") for each in walked] == ["too_large", "found"]


def test_a_deep_folder_has_an_end(folder: Path) -> None:
    deep = folder
    for _ in range(400):
        deep = deep / "a"
    deep.mkdir(parents=True)
    (deep / "b.txt").write_text("x")
    assert len(found(folder)) == 1


def test_what_is_not_there(folder: Path) -> None:
    with pytest.raises(OptionError, match="does not exist"):
        roots_of([folder / "nothing"])


def test_patterns_of_the_setting() -> None:
    assert patterns_of(" Finance/, *.draft.md ,") == ("Finance/", "*.draft.md")
    with pytest.raises(ConfigError, match="learn_exclude"):
        patterns_of("a, !")
