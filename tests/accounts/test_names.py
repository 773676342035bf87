from __future__ import annotations

import pytest

from webadmin.accounts import names
from webadmin.accounts.errors import Invalid

SAME = [("ADMIN", "admin"), ("admin ", "admin"), (" \tadmin\n", "admin"), ("ＡＤＭＩＮ", "admin"), ("Straße", "STRASSE"),
        ("Jose\u0301", "jos\u00e9"), ("ﬁnn", "FINN"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("a＠b.example", "A@B.EXAMPLE")]
UNSEEN = ["\u202e", "\u200b", "\u200d", "\ufeff", "\u2028", "\x00", "\x1b", "\x7f", "\u0085", "\ud800", "\ue000", "\u2066"]


@pytest.mark.parametrize("one, other", SAME)
def test_names_are_compared_by_nfkc_and_casefold_of_the_trimmed_text(one, other):
    assert names.key(one) == names.key(other)


@pytest.mark.parametrize("text", ["İstanbul", "ﬀ", "ẞ", "ΐ", "ϓ", "㎏", "ǅ", "Å"])
def test_the_key_of_a_key_is_itself(text):
    assert names.key(names.key(text)) == names.key(text)


@pytest.mark.parametrize("typed, found", [("Amélie", "amelie"), ("MÜLLER", "muller"), ("Ærøskøbing", "ærøskøbing"), ("ｆｕｌｌ", "full")])
def test_accents_do_not_matter_to_the_search(typed, found):
    assert names.fold(typed) == found


@pytest.mark.parametrize("letter", UNSEEN)
@pytest.mark.parametrize("read", [lambda text: names.seen(text, "display_name"), names.username, names.email])
def test_letters_that_cannot_be_seen_are_refused(read, letter):
    with pytest.raises(Invalid):
        read(f"ada{letter}x@example.com")


@pytest.mark.parametrize("name", ["аdmin", "ада", "a b", "a/b", "a'b", "a\"b", "<b>", "a:b", "", "  ", "a" * 256, "名前", "a;b", "a\\b", "a%b"])
def test_a_username_of_other_letters_is_refused(name):
    with pytest.raises(Invalid) as wrong:
        names.username(name)
    assert wrong.value.field == "username"


@pytest.mark.parametrize("name", ["ada", "Ada.L_1+x-y", "7", "a" * 255, "ada@example.com"])
def test_a_username_of_plain_letters_is_kept_as_it_is(name):
    assert names.username(f" {name} ") == name


@pytest.mark.parametrize("text", [
    "ada", "@example.com", "ada@", "a@b@example.com", "ada@example.com\r\nBcc: x@example.com", "ada@exa mple.com", "ada @example.com",
    "ada@.com", "ada@example..com", f"{'a' * 243}@example.com", "<ada@example.com>", "ada@-example.com"])
def test_what_is_no_email_address_is_refused(text):
    with pytest.raises(Invalid) as wrong:
        names.email(text)
    assert wrong.value.field == "email"


@pytest.mark.parametrize("text", ["ada@example.com", "ada+tag@mail.intranet.local", "ada@localhost", "ada@x.test", "o'neil@example.com"])
def test_addresses_of_ones_own_network_are_fine(text):
    assert names.email(text) == text


def test_a_text_is_kept_in_nfc_and_at_most_255_characters_long():
    assert names.seen(" e\u0301 ", "display_name") == "\u00e9"
    assert len(names.seen("x" * 255, "display_name")) == 255
    with pytest.raises(Invalid):
        names.seen("x" * 256, "display_name")
