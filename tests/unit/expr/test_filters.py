"""Filters beyond the table of language rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from segue.expr import Engine, EvaluationError, ExpressionError, Services

DATE = "2024-03-05T14:07:09.123456Z"
CONTEXT: dict[str, Any] = {
    "d": DATE,
    "native": datetime(2024, 3, 5, 14, 7, 9, tzinfo=UTC),
    "day": date(2024, 3, 5),
    "n": 1234567.891,
    "neg": -1234.5,
    "emoji": "a😀b",
    "dec": Decimal("12.50"),
    "wait": timedelta(minutes=90),
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("native | date", "2024-03-05T14:07:09.000000Z"),
        ("native", "2024-03-05T14:07:09Z"),
        ("day | date", "2024-03-05T12:00:00.000000Z"),
        ("wait", "PT1H30M"),
        ("[wait]", "[5400.0]"),
        ("d | date('EEE, d MMM', locale='fr')", "mar., 5 mars"),
        ("d | date('w W e', locale='fr_FR')", "10 1 2"),
        ("d | date('full')", "Tuesday, March 5, 2024 at 2:07:09 PM Coordinated Universal Time"),
        ("d | date('long')", "March 5, 2024 at 2:07:09 PM UTC"),
        ("d | date('medium')", "Mar 5, 2024, 2:07:09 PM"),
        ("d | date('short')", "3/5/24, 2:07 PM"),
        ("d | date('X XX XXX x xx xxx Z ZZZZ ZZZZZ O OOOO', 'Europe/Paris')",
         "+01 +0100 +01:00 +01 +0100 +01:00 +0100 GMT+01:00 +01:00 GMT+1 GMT+01:00"),
        ("d | date('X x z VV', 'UTC')", "Z +00 UTC UTC"),
        ("d | date('VV z', 'Europe/Paris')", "Europe/Paris CET"),
        ("d | date('iso_date_time', 'Europe/Paris')", "2024-03-05T15:07:09.123456+01:00[Europe/Paris]"),
        ("d | date('iso_date_time', '+02:00')", "2024-03-05T16:07:09.123456+02:00"),
        ("d | date('MMMMM EEEEE QQQ QQQQ')", "M T Q1 1st quarter"),
        ("d | date('yyyy[-MM]')", "2024-03"),
        ("'2024-03-31T02:30:00' | date(timeZone='Europe/Paris')", "2024-03-31T03:30:00.000000+02:00"),
        ("'2024-03-05T14:07' | date('HH:mm')", "14:07"),
        ("'2024-03-05T14:07:09+01:00[Europe/Paris]' | date", "2024-03-05T13:07:09.000000Z"),
        ("'5/3/24 2:07 PM' | date(existingFormat='d/M/yy h:mm a')", "2024-03-05T14:07:00.000000Z"),
        ("'2024-03-05 14:07 +0100' | date(existingFormat='yyyy-MM-dd HH:mm Z')", "2024-03-05T13:07:00.000000Z"),
        ("'31.02.2024' | date('yyyy-MM-dd', existingFormat='dd.MM.yyyy')", "2024-02-29"),
        ("'2024-03-30T12:00:00+01:00' | dateAdd(1, 'DAYS', timeZone='Europe/Paris')",
         "2024-03-31T13:00:00.000000+02:00"),
        ("'2024-03-30T12:00:00' | dateAdd(1, 'DAYS', timeZone='Europe/Paris')", "2024-03-31T12:00:00.000000+02:00"),
        ("'2024-03-30T12:00:00' | dateAdd(24, 'HOURS', timeZone='Europe/Paris')", "2024-03-31T13:00:00.000000+02:00"),
        ("d | dateAdd('-2', 'HALF_DAYS', 'iso_sec')", "2024-03-04T14:07:09Z"),
        ("d | dateAdd(1.9, 'CENTURIES', 'yyyy')", "2124"),
        ("n | numberFormat", "1,234,567.891"),
        ("neg | numberFormat('#,##0.00')", "-1,234.50"),
        ("0.125 | numberFormat('0.00')", "0.12"),
        ("0.256 | numberFormat('0%')", "26%"),
        ("dec", "12.50"),
        ("dec + 1", "13.50"),
        ("'1,5' | replace({',': '.'}) | number + 1", "2.5"),
        ("'12' | number('BIGDECIMAL') | className", "java.math.BigDecimal"),
        ("'%,d|%5s|%-5s|%+d|%x|%b|%%|%2$s' | format(1234567, 'ab', 'cd', 5, 255, null)",
         "1,234,567|   ab|cd   |+5|ff|false|%|ab"),
        ("'%.0f %e' | format(2.5, 12345.678)", "3 1.234568e+04"),
        ("emoji | length", "4"),
        ("'ß' | upper", "SS"),
        ("'a,b,,' | split(',')", '["a","b"]'),
        ("'a,b,,' | split(',', -1)", '["a","b","",""]'),
        ("'a,b,c' | split(',', 2)", '["a","b,c"]'),
        ("['x', null] | join(', ')", "x, null"),
        ("[1, 1.0, '1', true, 1] | distinct | length", "4"),
        ("{'a': 1} | merge(['b'])", '{"a":1,"b":"b"}'),
        ("[1] | merge({'b': 2})", '[1,{"b":2}]'),
        ("'a-b' | regexReplace('(?<x>a)-(b)', '${x}\\$$2')", "a$b"),
        ("'x' | regexMatch('\\p{Alpha}')", "true"),
        ("{'a': null, 'b c': [1.5, \"q\\\"\"]} | toIon", "{a:null,'b c':[1.5e0,\"q\\\"\"]}"),
        ("'a\r\nb' | indent(2)", "a\r\n  b"),
        ("true is even ? 1 : 0", ExpressionError),
        ("'%d' | format('x')", ExpressionError),
        ("'%s' | format", ExpressionError),
        ("'%999999s' | format('x')", ExpressionError),
        ("[1, 'a'] | sort", ExpressionError),
        ("[null, 1] | sort", ExpressionError),
        ("'x' | regexMatch('(')", ExpressionError),
        ("d | date(timeZone='../../etc/passwd')", ExpressionError),
        ("d | dateAdd(99999999999, 'YEARS')", ExpressionError),
        ("'2024-13-01' | date", ExpressionError),
    ],
)  # fmt: skip
def test_filter(engine: Engine, expression: str, expected: Any) -> None:
    if expected is ExpressionError:
        with pytest.raises(ExpressionError):
            engine.render("{{ " + expression + " }}", CONTEXT)
    else:
        assert engine.render("{{ " + expression + " }}", CONTEXT) == expected


def test_zone_and_locale_come_from_the_services(engine: Engine, services: Services) -> None:
    used = replace(services, time_zone="Asia/Kolkata", locale="de_DE")
    assert engine.render("{{ d | date('EEEE HH:mm') }}", CONTEXT, used) == "Dienstag 19:37"
    assert engine.render("{{ n | numberFormat }}", CONTEXT, used) == "1.234.567,891"


def test_jq_cannot_look_outside(engine: Engine) -> None:
    for program in ("env", "$ENV.PATH", 'import "a" as a; .', "input_filename"):
        with pytest.raises(ExpressionError, match="does not allow"):
            engine.render("{{ [1] | jq(p) }}", {"p": program})


def test_the_complete_list_of_filters_exists() -> None:
    from segue.expr.filters import FILTERS

    names = [
        "abbreviate",
        "abs",
        "base64decode",
        "base64encode",
        "capitalize",
        "chunk",
        "className",
        "date",
        "dateAdd",
        "default",
        "distinct",
        "endsWith",
        "escapeChar",
        "first",
        "flatten",
        "format",
        "indent",
        "join",
        "jq",
        "json",
        "keys",
        "last",
        "length",
        "lower",
        "md5",
        "merge",
        "nindent",
        "nl2br",
        "number",
        "numberFormat",
        "regexExtract",
        "regexMatch",
        "regexReplace",
        "replace",
        "reverse",
        "rsort",
        "sha1",
        "sha256",
        "sha512",
        "slice",
        "slugify",
        "sort",
        "split",
        "startsWith",
        "string",
        "substringAfter",
        "substringAfterLast",
        "substringBefore",
        "substringBeforeLast",
        "timestamp",
        "timestampMicro",
        "timestampMilli",
        "timestampNano",
        "title",
        "toIon",
        "toJson",
        "trim",
        "upper",
        "urldecode",
        "urlencode",
        "values",
        "yaml",
    ]
    assert set(names) <= set(FILTERS)


@pytest.mark.parametrize(
    ("text", "existing", "expected"),
    [
        ("Tue, 5 Mar 2024 14:07:09 GMT", "rfc_1123_date_time", "2024-03-05T14:07:09Z"),
        ("5 Mar 2024 14:07 +0100", "rfc_1123_date_time", "2024-03-05T13:07:00Z"),
        ("20240305", "basic_iso_date", "2024-03-05T00:00:00Z"),
        ("20240305+0100", "basic_iso_date", "2024-03-05T00:00:00Z"),
        ("2024-065", "iso_ordinal_date", "2024-03-05T00:00:00Z"),
        ("2024-W10-2", "iso_week_date", "2024-03-05T00:00:00Z"),
        ("2024-03-05+02:00", "iso_offset_date", "2024-03-05T00:00:00Z"),
        ("2024-03-05", "iso_date", "2024-03-05T00:00:00Z"),
        ("2024-03-05T14:07:09+01:00[Europe/Paris]", "iso_zoned_date_time", "2024-03-05T13:07:09Z"),
        ("2024-03-05T14:07:09", "iso_local_date_time", "2024-03-05T14:07:09Z"),
        ("2024-03-05 14:07:09.123", "sql_milli", "2024-03-05T14:07:09Z"),
        ("Mar 5, 2024, 2:07:09 PM", "medium", "2024-03-05T14:07:09Z"),
        ("3/5/24, 2:07 PM", "short", "2024-03-05T14:07:00Z"),
    ],
)
def test_named_formats_are_read_too(engine: Engine, text: str, existing: str, expected: str) -> None:
    template = "{{ t | date('iso_sec', existingFormat=e) }}"
    assert engine.render(template, {"t": text, "e": existing}) == expected


@pytest.mark.parametrize(
    ("text", "existing"),
    [
        ("14:07:09", "iso_local_time"),
        ("Wed, 5 Mar 2024 14:07:09 GMT", "rfc_1123_date_time"),
        ("2024-W60-2", "iso_week_date"),
        ("2024-400", "iso_ordinal_date"),
        ("20241305", "basic_iso_date"),
    ],
)
def test_dates_that_do_not_exist_or_are_times_are_refused(engine: Engine, text: str, existing: str) -> None:
    with pytest.raises(EvaluationError, match="could not be parsed"):
        engine.render("{{ t | date(existingFormat=e) }}", {"t": text, "e": existing})


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"\p{L}+", "1été2", "été"),
        (r"[a-z&&[^b]]+", "abcd", "a"),
        (r"\Qa.b\E", "xa.b", "a.b"),
        (r"(?<w>a)\k<w>", "baa", "aa"),
        (r"a++b", "aab", "aab"),
        (r"(?i)ab", "xAB", "AB"),
        (r"a(?i)b", "AB aB", "aB"),
        (r"\d+", "٣4", "4"),
        (r"[\w|]+", "a|b c", "a|b"),
        (r"\h", "a\tb", "\t"),
        (r"x\x41\u0042\x{43}", "xABC", "xABC"),
        (r"b\z", "ab", "b"),
        (r"b\Z", "ab\n", "b"),
        (r"[^]x]", "]xy", "y"),
        (r"\p{Punct}", "a~", "~"),
    ],
)
def test_regular_expressions_are_read_as_java_reads_them(engine: Engine, pattern: str, text: str, found: str) -> None:
    assert engine.render("{{ t | regexExtract(p) }}", {"t": text, "p": pattern}) == found


@pytest.mark.parametrize(
    "pattern", ["a{b}", "(?R)", "(?P<n>a)", "(?:a){e<=1}", "(*FAIL)", "(?(1)a|b)", "\\y", "a\\", "[a", "\\p{Nope}"]
)
def test_what_java_does_not_know_is_no_regular_expression(engine: Engine, pattern: str) -> None:
    with pytest.raises(EvaluationError, match="Invalid regex"):
        engine.render("{{ 'a' | regexMatch(p) }}", {"p": pattern})
