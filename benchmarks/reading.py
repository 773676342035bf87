"""Goals 1 to 7: pages, searches and JSON."""
from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from urllib.parse import urlencode

from benchmarks import people
from benchmarks.candidates import OURS, PLACES, Candidates
from benchmarks.drive import Target
from benchmarks.goals import Finding

ONE_TERM_SECONDS = 5
NASTY = (
    "a", "e", "z", ".", "@", "-", "%", "_", "'", '"', "*", "zz", "ka", "xq", "0", "99", "com", "exa", "ple", "example", ".example", "e.e",
    "qqq", "a a", "son h", "wil zo", "ström", "strom", "STRÖM", "1000", "000", "999999", "island.example", "zzzzzzzzzzzz",
    "exampleexample", "berg@harbour", "example example", "adaada", "ﬀ", "🙂", "x" * 255)
# what makes a search hard: another order, a filter that few fit, the far end
FILTERS: tuple[dict[str, str], ...] = (
    {}, {"sort": "created", "order": "desc"}, {"state": "disabled", "role": "administrator"},
    {"sort": "last_signed_in", "last_signed_in": "never"}, {"before": ""})


def lists(on: Candidates) -> Iterator[Finding]:
    """1: a page of the list costs the same among many accounts as among few."""
    readings = on.race({f"{size} {place}": on.list_of_ours(size, place) for place in PLACES for size in (on.small, on.large)})
    for place in PLACES:
        few, many = readings[f"{on.small} {place}"], readings[f"{on.large} {place}"]
        yield Finding(1, f"list, {place} page: {short(on.large)} ÷ {short(on.small)}", many.rate / few.rate, 0.90, 0.97,
                      seen=many.beside(few))


def beside_django(on: Candidates) -> Iterator[Finding]:
    """2: the whole page, signed in, beside Django admin's."""
    for size in dict.fromkeys((on.small, on.large)):
        readings = on.race({"ours": on.list_of_ours(size), "django": on.list_of_django(size)})
        ours, django = readings["ours"], readings["django"]
        yield Finding(2, f"list at {short(size)} ÷ Django admin", ours.rate / django.rate, 10, 16, seen=ours.beside(django))


def beside_floor(on: Candidates) -> Iterator[Finding]:
    """3: the whole page beside a bare table."""
    readings = on.race({"ours": on.list_of_ours(on.large), "floor": on.list_of_floor(on.large)})
    ours, bare = readings["ours"], readings["floor"]
    yield Finding(3, f"list at {short(on.large)} ÷ floor", ours.rate / bare.rate, 0.33, 0.50, seen=ours.beside(bare))


def far_pages(on: Candidates) -> Iterator[Finding]:
    """4: the middle and the end of a long list beside Django admin's."""
    for place in PLACES[1:]:
        readings = on.race({"ours": on.list_of_ours(on.large, place), "django": on.list_of_django(on.large, place)})
        ours, django = readings["ours"], readings["django"]
        yield Finding(4, f"{place} page at {short(on.large)} ÷ Django admin", ours.rate / django.rate, 20, 35, seen=ours.beside(django))


def searches(on: Candidates) -> Iterator[Finding]:
    """5: a search beside the list's own page, one client alone; then the slowest of many awkward ones."""
    rare = people.person(on.large // 3).username
    terms = {"rare": rare, "common": people.COMMON, "prefix": "ka"}
    found = {name: on.ours(on.large, f"/users?{urlencode({'q': term})}", OURS) for name, term in terms.items()}
    readings = on.race({"list": on.list_of_ours(on.large), **found}, connections=1)
    page = readings.pop("list")
    for name, each in readings.items():
        yield Finding(5, f"search at {short(on.large)}, {name}: time ÷ list page", each.p50 / page.p50, 2, 1.3, least=False,
                      seen=f"{each.p50:.2f} / {page.p50:.2f} ms")
    hard = [{"q": term, **filters} for term in NASTY for filters in FILTERS]
    slowest, worst = max((_once(on.ours(on.large, f"/users?{urlencode(each)}")), urlencode(each)) for each in hard)
    yield Finding(5, f"slowest of {len(hard)} searches", slowest, 120, 40, least=False, unit=" ms", seen=f"`{worst[:80]}`")


def json_lists(on: Candidates) -> Iterator[Finding]:
    """6: fifty accounts as JSON, number and e-mail, beside DRF with the same fields."""
    few, many = on.product(on.small), on.product(on.large)
    readings = on.race({"few": on.api(few, "/user?page=0", "Bearer", "Success"), "many": on.api(many, "/user?page=0", "Bearer", "Success"),
                        "drf": on.api(on.django(on.small), "/api/accounts/", "Token", "results")})
    yield Finding(6, f"JSON list at {short(on.small)} ÷ DRF", readings["few"].rate / readings["drf"].rate, 3, 4.5,
                  seen=readings["few"].beside(readings["drf"]))
    yield Finding(6, f"JSON list: {short(on.large)} ÷ {short(on.small)}", readings["many"].rate / readings["few"].rate, 0.9, 0.95,
                  seen=readings["many"].beside(readings["few"]))


def one_account(on: Candidates) -> Iterator[Finding]:
    """7: one account by its name, by token beside DRF's, and by password beside the token."""
    server, name = on.product(on.small), people.person(7).username
    path = f"/api/v2/users/{name}"
    readings = on.race({"bearer": on.api(server, path, "Bearer", name), "basic": on.api(server, path, "Basic", name),
                        "drf": on.api(on.django(on.small), f"/api/accounts/{name}/", "Token", name)})
    yield Finding(7, "GET one account, Bearer ÷ DRF", readings["bearer"].rate / readings["drf"].rate, 2.2, 3,
                  seen=readings["bearer"].beside(readings["drf"]))
    yield Finding(7, "GET one account, Basic ÷ Bearer", readings["basic"].rate / readings["bearer"].rate, 0.85, 0.95,
                  seen=readings["basic"].beside(readings["bearer"]))


def short(size: int) -> str:
    """1000 as 1 k."""
    return f"{size // 1_000_000} M" if size >= 1_000_000 else f"{size // 1_000} k"


def _once(target: Target) -> float:
    """Milliseconds of one answer, the median of three; of one, where that alone is slow enough to tell."""
    target.check()
    taken: list[float] = []
    while len(taken) < 3 and sum(taken) < ONE_TERM_SECONDS * 1000:
        begun = time.perf_counter()
        target.ask()
        taken.append((time.perf_counter() - begun) * 1000)
    return median(taken)
