"""Records of people: CRM, shop members, web accounts; with duplicates and contradictions.

One person may have a record in each and two in the CRM, no two of them exactly equal.
"""

from __future__ import annotations

import duckdb
from pypinyin import lazy_pinyin

from workbench.intake.demo.jewellery.draws import Draws, quoted

__all__ = ["write_accounts"]

TWICE_IN_CRM = 0.03
MEMBER_NUMBER_KNOWN = 0.72  # share of the shops' cards that carry the CRM's number
OTHER_PHONE, NO_PHONE, PLACEHOLDER_PHONE = 0.06, 0.03, 0.015
PLACEHOLDERS = ("13800000000", "13800138000", "11111111111", "00000000000", "12345678901")
MISTYPED_NAME, NICKNAME = 0.03, 0.30
OTHER_BIRTHDAY = 0.02
SHARED_PHONE = 0.3  # share of couples with one phone
SURNAMES = tuple("王李张刘陈杨赵黄周吴徐孙马朱胡郭何林高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任") + (
    "欧阳", "司马", "上官", "诸葛",
)  # fmt: skip
WOMEN = (
    "婷", "敏", "静", "丽", "艳", "娜", "芳", "雪梅", "思雨", "欣怡", "梦洁", "雅琴", "晓燕", "玉兰", "佳慧", "诗涵", "子萱", "雨桐",
    "可欣", "若曦", "慧敏", "丽华", "秀英", "桂芳", "嘉怡", "文静", "心怡", "美玲", "䶮", "一诺", "紫薇", "海燕",
)  # fmt: skip
MEN = (
    "伟", "强", "磊", "洋", "勇", "军", "杰", "涛", "明", "超", "志强", "建国", "子豪", "浩然", "俊杰", "文博", "天宇", "思远", "家豪",
    "一鸣", "国栋", "海涛", "立新", "永康", "鹏飞", "宇轩", "晨曦", "振华", "少华", "春生", "玮", "昊天",
)  # fmt: skip
_ALIKE = {
    "婷": "亭",
    "敏": "闽",
    "静": "晶",
    "丽": "莉",
    "伟": "玮",
    "强": "墙",
    "磊": "雷",
    "洋": "阳",
    "杰": "捷",
    "明": "铭",
}
_ROADS = (
    "人民路",
    "中山路",
    "解放大道",
    "建设路",
    "和平里",
    "滨江路",
    "文化街",
    "长安街",
    "朝阳路",
    "花园路",
    "学府路",
    "迎宾大道",
)
_PREFIXES = (
    "130",
    "131",
    "135",
    "136",
    "137",
    "138",
    "139",
    "150",
    "151",
    "158",
    "159",
    "177",
    "180",
    "186",
    "188",
    "189",
)


def write_accounts(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``accounts``, one row per record of a person.

    Columns: source (crm, pos, web), source_id, person, copy (0, or 1 for a second registration), member_number, name,
    surname_latin, gender, birthday (text), phone, email, address, city, province. Shop buyers and
    service-only customers have a card, web buyers and visitors an account; most people are in the CRM.
    """
    engine.execute(f"CREATE TEMP TABLE identity AS {_identity(draws)}")
    sql = f"{_crm(draws)} UNION ALL BY NAME {_pos(draws)} UNION ALL BY NAME {_web(draws)}"
    engine.execute(f"CREATE TEMP TABLE accounts AS {sql}")
    engine.execute("DROP TABLE identity")


def _identity(draws: Draws) -> str:
    """Write the query of identities without entry errors."""
    u = draws.unit
    surnames, women, men = (f"[{', '.join(map(quoted, names))}]" for names in (SURNAMES, WOMEN, MEN))
    latin = f"[{', '.join(quoted(''.join(lazy_pinyin(name))) for name in SURNAMES)}]"
    at = f"1 + floor(power({u('person', 'surname')}, 1.6) * {len(SURNAMES)})::INTEGER"
    home = "coalesce(couple + 1000000000, person)"
    number = f"(({{key}} * 48271 + {draws.number('phone') % 10**8}) % 100000000)"
    phone = f"{draws.one_of('person', 'prefix', _PREFIXES)} || lpad({number.format(key='person')}::VARCHAR, 8, '0')"
    spare = f"{draws.one_of('person', 'spare prefix', _PREFIXES)} || lpad({number.format(key='(person + 50000000)')}::VARCHAR, 8, '0')"
    member = f"(6200000000000 + (person * 7368787 + {draws.number('member') % 10**9}) % 10000000000)::VARCHAR"
    alike = ", ".join(f"WHEN {quoted(a)} THEN {quoted(b)}" for a, b in _ALIKE.items()).replace(", WHEN", " WHEN")
    return f"""
    SELECT *, surname || given AS name, surname || CASE given {alike} ELSE left(given, 1) END AS mistyped,
        latin || person || '@example.com' AS email,
        CASE WHEN couple IS NOT NULL AND is_female AND {u("couple", "one phone")} < {SHARED_PHONE}
            THEN lag(own_phone) OVER (PARTITION BY couple ORDER BY person) ELSE own_phone END AS phone
    FROM (SELECT p.*, ({surnames})[{at}] AS surname, ({latin})[{at}] AS latin,
        CASE WHEN is_female THEN ({women})[1 + floor({u("person", "given")} * {len(WOMEN)})::INTEGER]
            ELSE ({men})[1 + floor({u("person", "given")} * {len(MEN)})::INTEGER] END AS given,
        {phone} AS own_phone, {spare} AS spare_phone, {member} AS member_number,
        city || '市' || {draws.one_of(home, "road", _ROADS)} || (1 + floor({u(home, "house")} * 400))::INTEGER || '号'
            || (1 + floor({u(home, "flat")} * 30))::INTEGER || '栋' || (101 + floor({u(home, "door")} * 2400))::INTEGER || '室' AS address
        FROM people AS p)"""


def _with_errors(draws: Draws, source: str, key: str) -> str:
    """Write the phone and birthday of a record, with its own entry errors."""
    u = draws.unit
    draw = f"{u(key, source + ' phone')}"
    return f"""
        CASE WHEN {draw} < {PLACEHOLDER_PHONE} THEN {draws.one_of(key, source + " placeholder", PLACEHOLDERS)}
            WHEN {draw} < {PLACEHOLDER_PHONE + NO_PHONE} THEN NULL
            WHEN {draw} < {PLACEHOLDER_PHONE + NO_PHONE + OTHER_PHONE} THEN spare_phone ELSE phone END AS phone,
        strftime(born + CASE WHEN {u(key, source + " birthday")} < {OTHER_BIRTHDAY} THEN 30 ELSE 0 END, '%Y-%m-%d') AS birthday"""


def _crm(draws: Draws) -> str:
    u, key = draws.unit, "person * 2 + copy"
    return f"""
    SELECT 'crm' AS source, 'KH' || lpad((({key}) * 7919 % 1000000007)::VARCHAR, 10, '0') AS source_id, person, copy,
        CASE WHEN copy = 0 THEN member_number ELSE (member_number::BIGINT + 10000000000)::VARCHAR END AS member_number,
        CASE WHEN {u(key, "crm name")} < {MISTYPED_NAME} * (1 + 5 * copy) THEN mistyped ELSE name END AS name,
        CASE WHEN {u(key, "crm gender")} < 0.06 THEN NULL WHEN is_female THEN '女' ELSE '男' END AS gender,
        {_with_errors(draws, "crm", key)}, CASE WHEN {u(key, "crm mail")} < 0.45 THEN email END AS email,
        CASE WHEN {u(key, "crm address")} < 0.7 THEN address END AS address, city, province
    FROM (SELECT *, unnest(CASE WHEN {u("person", "twice")} < {TWICE_IN_CRM} THEN [0, 1] ELSE [0] END) AS copy
        FROM identity WHERE in_crm)"""


def _pos(draws: Draws) -> str:
    u, key = draws.unit, "person"
    return f"""
    SELECT 'pos' AS source, 'MD' || lpad((person * 104729 % 1000000007)::VARCHAR, 10, '0') AS source_id, person, 0 AS copy,
        CASE WHEN in_crm AND {u(key, "pos member")} < {MEMBER_NUMBER_KNOWN} THEN member_number END AS member_number,
        CASE WHEN {u(key, "pos name")} < 0.05 THEN surname || CASE WHEN is_female THEN '女士' ELSE '先生' END
            WHEN {u(key, "pos name")} < 0.05 + {MISTYPED_NAME} THEN mistyped ELSE name END AS name,
        CASE WHEN is_female THEN '女' ELSE '男' END AS gender, {_with_errors(draws, "pos", key)}, NULL::VARCHAR AS email,
        NULL::VARCHAR AS address, city, province
    FROM identity WHERE persona = 'service' AND joined >= 0
        OR person IN (SELECT person FROM orders WHERE NOT online AND day < 1826)"""


def _web(draws: Draws) -> str:
    u, key = draws.unit, "person"
    return f"""
    SELECT 'web' AS source, 'wx' || lower(to_base((hash(xor(hash(person::BIGINT), {draws.number("account")}::UBIGINT))
            >> 12)::BIGINT, 36)) || person % 10 AS source_id, person, 0 AS copy, NULL::VARCHAR AS member_number,
        CASE WHEN {u(key, "web name")} < {NICKNAME} * 0.5 THEN '小' || right(given, 1)
            WHEN {u(key, "web name")} < {NICKNAME} THEN upper(left(latin, 1)) || substr(latin, 2) || ' ' || right(phone, 4)
            ELSE name END AS name,
        CASE WHEN {u(key, "web gender")} < 0.4 THEN NULL WHEN is_female THEN 'F' ELSE 'M' END AS gender,
        {_with_errors(draws, "web", key)}, CASE WHEN {u(key, "web mail")} < 0.6 THEN email END AS email, address, city, province
    FROM identity WHERE has_web"""
