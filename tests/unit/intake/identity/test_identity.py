"""Keys, clusters, stable ids, and the evaluation of the matching; every expectation by hand."""

from __future__ import annotations

from types import SimpleNamespace

import duckdb
import pandas as pd
import pytest

from workbench.intake.identity.clusters import cluster_people
from workbench.intake.identity.evaluation import evaluate_clusters
from workbench.intake.identity.explain import most_suspicious
from workbench.intake.identity.links import declared_pairs, find_links
from workbench.intake.identity.masking import mask
from workbench.intake.identity.one_id import log_changes, name_customers
from workbench.intake.identity.resolve import _GIVEN, seal_people
from workbench.intake.identity.standardise import standardise
from workbench.intake.identity.vault import VaultKey

NOBODY = declared_pairs(None)


def standard(rows):
    engine = duckdb.connect()
    people = pd.DataFrame(rows).assign(precedence=0, record=range(len(rows)))
    people["source"] = people.get("source", "crm")
    people["source_id"] = people.get("source_id", pd.Series([f"{at:03d}" for at in range(len(rows))]))
    engine.register("given", people.astype({name: "str" for name in people if name not in ("precedence", "record")}))
    engine.execute("CREATE TABLE people AS SELECT * REPLACE (nullif(source, '') AS source) FROM given")
    standardise(engine, "people", "standard")
    return engine


def column(engine, name):
    return [row[0] for row in engine.execute(f"SELECT {name} FROM standard ORDER BY record").fetchall()]


def groups(engine, cannot=NOBODY, must=NOBODY, max_per_key=8, pairs=()):
    engine.execute("CREATE OR REPLACE TABLE pairs (record_l BIGINT, record_r BIGINT, match_probability DOUBLE)")
    for pair in pairs:
        engine.execute("INSERT INTO pairs VALUES (?, ?, ?)", list(pair))
    links = find_links(engine, "standard", max_per_key=max_per_key, must=must, cannot=cannot)
    clustered = cluster_people(engine, "standard", links, "pairs", threshold=0.9, max_records=5, max_diameter=3)
    return clustered, links


@pytest.mark.parametrize(
    ("phone", "key"),
    [
        ("138 1234 5678", "8613812345678"), ("+86 138-1234-5678", "8613812345678"), ("008613812345678", "8613812345678"),
        ("１３８１２３４５６７８", "8613812345678"), ("13800000000", None), ("11111111111", None), ("00000", None),
        ("12345", None), ("0044 20 7946 0958", "442079460958"),
    ],
)  # fmt: skip
def test_phones_are_one_number_however_they_are_written_and_placeholders_are_none(phone, key):
    assert column(standard([{"phone": phone}]), "phone_key") == [key]


@pytest.mark.parametrize(
    ("number", "key"),
    [
        ("11010519491231002X", "11010519491231002X"), ("11010519491231002x", "11010519491231002X"),
        ("110105194912310021", None), ("110105491231002", "11010519491231002X"), ("123", None),
    ],
)  # fmt: skip
def test_only_an_identity_number_whose_check_character_holds_is_a_key(number, key):
    assert column(standard([{"document_id": number}]), "document_key") == [key]


def test_chinese_names_are_split_and_romanised():
    engine = standard([{"name": "欧阳修"}, {"name": "张伟"}, {"name": "Wei Zhang"}])
    assert column(engine, "surname_key") == ["ouyang", "zhang", "zhang"]
    assert column(engine, "given_key") == ["xiu", "wei", "wei"]


def test_a_shared_phone_links_one_name_and_separates_two():
    engine = standard(
        [
            {"name": "张伟", "phone": "13911112222", "gender": "男"},
            {"name": "Zhang Wei", "phone": "13911112222", "gender": ""},
            {"name": "张美丽", "phone": "13911112222", "gender": "女"},
        ]
    )
    clustered, _ = groups(engine)
    # Latin "Zhang Wei" reads as given zhang, surname wei: places changed, one person all the same
    assert clustered.members["cluster"].tolist() == [0, 0, 2]


def test_a_key_of_many_is_a_hub_that_links_nobody_and_is_shown_masked():
    engine = standard([{"name": "张伟", "phone": "13911112222"}] * 4)
    clustered, links = groups(engine, max_per_key=3)
    assert clustered.members["cluster"].tolist() == [0, 1, 2, 3]
    assert links.hubs.to_dict("records") == [{"shared_key": "phone", "value": "139****2222", "records": 4}]


def test_two_documents_split_a_group_at_its_weakest_link():
    engine = standard(
        [{"document_id": "11010519491231002X"}, {"name": "a"}, {"name": "b"}, {"document_id": "440524188001010014"}]
    )
    pairs = [(0, 1, 0.99), (1, 2, 0.91), (2, 3, 0.98)]
    clustered, _ = groups(engine, pairs=pairs)
    assert clustered.members["cluster"].tolist() == [0, 0, 2, 2]
    assert clustered.cut[["record_l", "record_r"]].to_numpy().tolist() == [[1, 2]]
    assert set(clustered.alarms["kind"]) == {"split"}
    named = pd.DataFrame({"record": range(4), "source": "crm", "source_id": list("abcd")})
    listed = most_suspicious(clustered, named)
    assert listed[["kind", "records", "one_record", "other_record"]].to_numpy().tolist() == [
        ["split", 2, "crm b", "crm c"], ["split", 2, "crm b", "crm c"],
    ]  # fmt: skip
    assert most_suspicious(clustered, named, hidden=True)["one_record"].tolist() == ["crm", "crm"]


WINWOOD = {"given_name": "Lutor", "surname": "Winwood", "gender": "male", "birth_date": "1950-03-02"}


@pytest.mark.parametrize(
    ("other", "joined"),
    [
        ({"given_name": "Rovid", "surname": "Ridton"}, False),  # no name in common, whatever the birth date says
        ({"gender": "female"}, False),
        ({"gender": ""}, True),
        ({"given_name": "Winwood", "surname": "Lutor"}, True),
        ({"surname": "Ridton"}, True),  # married since: the birth date agrees
        ({"given_name": "Rovid", "birth_date": "1971-11-20", "email": "rovid@example.org"}, False),
        ({"given_name": "Rovid", "birth_date": "1971-11-20"}, True),  # one difference alone proves nothing
    ],
)
def test_likeness_joins_nobody_whose_name_or_gender_contradicts_it(other, joined):
    first = WINWOOD | {"email": "lutor@example.org"}
    engine = standard([first, WINWOOD | {"email": ""} | other])
    result, _ = groups(engine, pairs=[(0, 1, 0.993)])
    assert result.members["cluster"].tolist() == ([0, 0] if joined else [0, 1])
    assert (len(result.cut), set(result.alarms["kind"])) == ((0, set()) if joined else (1, {"split"}))


def test_a_declared_pair_or_a_shared_document_outweighs_a_contradiction():
    engine = standard([WINWOOD | {"source_id": "1"}, WINWOOD | {"gender": "female", "source_id": "2"}])
    pair = {"source": ["crm"], "source_id": ["1"], "other_source": ["crm"], "other_source_id": ["2"]}
    result, _ = groups(engine, must=pd.DataFrame(pair), pairs=[(0, 1, 0.993)])
    assert result.members["cluster"].tolist() == [0, 0] and result.cut.empty


def test_manual_pairs_take_precedence():
    engine = standard([{"name": "a"}, {"name": "b"}, {"name": "c"}])
    names = ["source", "source_id", "other_source", "other_source_id"]
    must = pd.DataFrame([["crm", "000", "crm", "001"]], columns=names)
    cannot = pd.DataFrame([["crm", "002", "crm", "001"]], columns=names)
    clustered, _ = groups(engine, must=must, cannot=cannot, pairs=[(1, 2, 0.999), (0, 2, 0.95)])
    assert clustered.members["cluster"].tolist() == [0, 0, 2]


def test_a_chain_raises_the_alarm():
    engine = standard([{"name": letter} for letter in "abcde"])
    clustered, _ = groups(engine, pairs=[(at, at + 1, 0.93 if at == 2 else 0.95) for at in range(4)])
    assert clustered.alarms[["kind", "records", "diameter"]].to_numpy().tolist() == [["chain", 5, 4]]
    assert clustered.alarms[["weakest", "record_l", "record_r"]].to_numpy().tolist() == [[0.93, 2, 3]]  # the bridge


def members(*clusters):
    rows = [("crm", record, at) for at, cluster in enumerate(clusters) for record in cluster]
    return pd.DataFrame(rows, columns=["source", "source_id", "cluster"])


def identities(clustered, previous):
    names = name_customers(clustered, previous, key=KEY).set_index("cluster")["customer_id"]
    return clustered.assign(customer_id=clustered["cluster"].map(names))[["source", "source_id", "customer_id"]]


KEY = VaultKey(bytes(32))
NONE = pd.DataFrame({"source": [], "source_id": [], "customer_id": []}, dtype="str")


def test_unchanged_customers_keep_their_ids_and_changes_are_logged():
    first = identities(members("abc", "de", "f", "gh"), NONE)
    assert log_changes(first, NONE).empty
    merged = identities(members("gh", "abcde", "f"), first)  # other numbers; two merged
    before = first.set_index("source_id")["customer_id"]
    after = merged.set_index("source_id")["customer_id"]
    assert after["f"] == before["f"] and after["g"] == before["g"]  # noqa: PT018
    assert after["d"] == before["a"]
    assert log_changes(merged, first).to_numpy().tolist() == [[before["d"], before["a"], "merged", 2]]
    split = identities(members("ab", "c", "de", "f", "gh"), first)
    after_split = split.set_index("source_id")["customer_id"]
    assert after_split["a"] == before["a"] != after_split["c"]
    assert log_changes(split, first).to_numpy().tolist() == [[before["a"], after_split["c"], "split", 1]]


def test_evaluation_counts_pairs():
    predicted = pd.Series([0, 0, 0, 1, 1])
    true = pd.Series(["x", "x", "y", "y", "y"])
    result = evaluate_clusters(predicted, true, seed=1)
    assert (result["pairs_found"], result["pairs_true"], result["pairs_right"]) == (4, 4, 2)
    assert result["precision"] == result["recall"] == result["f1"] == 0.5
    perfect = evaluate_clusters(true, true, seed=1)
    assert perfect["precision_low"] == perfect["recall_high"] == perfect["f1"] == 1.0


def test_masks_keep_little():
    assert [mask("8613812345678", "phone"), mask("li@qq.com", "email"), mask("张伟", "name"), mask(None, "name")] == [
        "138****5678", "l****@qq.com", "张*", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "deleted"), [("NULL AS phone, 'Ann' AS name", 1), ("DATE '1990-01-01' AS birth_date", 0)]
)
def test_only_records_with_contact_data_count_as_deleted(columns, deleted):
    con = duckdb.connect()
    con.execute(f"CREATE TABLE {_GIVEN} AS SELECT {columns}")
    match = SimpleNamespace(engine=SimpleNamespace(con=con))
    sealed = seal_people(match, None, SimpleNamespace(key=None, check_replaceable=lambda: None))
    assert sealed == {"vaulted": 0, "contact_deleted": deleted}
