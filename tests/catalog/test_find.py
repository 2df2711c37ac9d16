"""Which files belong to a catalog."""

import pytest

from moemoe.catalog.find import find_partitions
from moemoe.errors import CatalogError
from tests.support.catalog_files import rows_of
from tests.support.s3 import s3_bucket


class TestFindPartitions:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("b.parquet", "a.jsonl.gz", "sub/c.csv", "README.md", "_SUCCESS.csv", "sub/1.jpg"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    @pytest.mark.parametrize(
        ("given", "found"),
        [
            ("", ["a.jsonl.gz", "b.parquet", "sub/c.csv"]),
            ("/*", ["a.jsonl.gz", "b.parquet"]),
            ("/**/*.csv", ["sub/c.csv"]),
            ("/b.parquet", ["b.parquet"]),
        ],
    )
    def test_folder_glob_and_file(self, folder, given, found):
        assert find_partitions(f"{folder}{given}") == [str(folder / name) for name in found]

    def test_a_folder_whose_name_looks_like_a_glob(self, tmp_path):
        folder = tmp_path / "of [2024]"
        folder.mkdir()
        (folder / "a.csv").touch()
        assert find_partitions(str(folder)) == [str(folder / "a.csv")]
        assert find_partitions(str(folder / "a.csv")) == [str(folder / "a.csv")]

    def test_braces_as_in_a_shell(self, folder):
        for name in ("shoes-1.csv", "hats-1.csv", "ties-1.csv", "{a,b}.csv"):
            (folder / name).write_text("")
        assert find_partitions(f"{folder}/{{shoes,hats}}-*.csv") == [
            str(folder / "hats-1.csv"), str(folder / "shoes-1.csv"),
        ]  # fmt: skip
        assert find_partitions(f"{folder}/{{{{sho,ti}}es,hats}}-{{1,2}}.csv") == [
            str(folder / f"{name}-1.csv") for name in ("hats", "shoes", "ties")
        ]
        assert find_partitions(f"{folder}/{{a,b}}.csv") == [str(folder / "{a,b}.csv")]  # a file of that name

    def test_folders_that_match_and_brackets(self, tmp_path):
        spark = ("day=1/part-0.parquet", "day=1/_SUCCESS.csv", "day=1/_temporary/0/part-0.parquet", "day=1/.part-0.csv")
        for name in (*spark, "all.parquet/part-0.parquet", "x [2024]/a.csv", "x [2024]/b.csv", "_own/a.csv"):
            (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / name).touch()
        for given, found in {
            "day=*": ["day=1/part-0.parquet"],
            "day=?/": ["day=1/part-0.parquet"],
            "*.parquet": ["all.parquet/part-0.parquet"],
            "x [2024]/*.csv": ["x [2024]/a.csv", "x [2024]/b.csv"],
            "_own": ["_own/a.csv"],
        }.items():
            assert find_partitions(f"{tmp_path}/{given}") == [str(tmp_path / name) for name in found], given

    def test_keys_of_any_character_on_s3(self, monkeypatch):
        with s3_bucket(monkeypatch) as client:
            keys = [
                f"shop [2024]/{name}.csv" for name in ("a?b", "c#d", "e%20f", "Größe & co+", "{x,y}", "a;b=c", "g*h")
            ]
            for key in (*keys, "shop [2024]/", "shop [2024]/_tmp/x.csv", "shop 2/a.csv"):
                client.put_object(Bucket="bucket", Key=key, Body=b"product_id,product_type,title,attributes\n1,a,b,\n")
            uris = [f"s3://bucket/{key}" for key in sorted(keys)]
            assert find_partitions("s3://bucket/shop [2024]") == uris
            assert find_partitions("s3://bucket/shop [2024]/") == uris
            assert find_partitions("s3://bucket/shop [2024]/*.csv") == uris
            for uri in uris:
                assert find_partitions(uri) == [uri]
                assert [row["product_id"] for row in rows_of(uri)] == ["1"]

    def test_nothing_matches(self, folder):
        with pytest.raises(CatalogError, match=r"no catalog file matches '.*/\*\.xml'; allowed is .*\.parquet"):
            find_partitions(f"{folder}/*.xml")

    @pytest.mark.parametrize("given", ["README.md", "sub/*.jpg"])
    def test_another_kind(self, folder, given):
        with pytest.raises(CatalogError, match=r"has no catalog file \(found: .*allowed is"):
            find_partitions(f"{folder}/{given}")

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("catalog.zip", "unpack it first"),
            ("catalog.tar.gz", "unpack it first"),
            ("catalog.xlsb", r"save it as \.xlsx"),
        ],
    )
    def test_what_can_be_made_a_catalog(self, tmp_path, name, hint):
        (tmp_path / name).touch()
        with pytest.raises(CatalogError, match=rf"\(found: {name}\); {hint}; allowed is"):
            find_partitions(str(tmp_path))

    def test_a_packed_file_beside_the_unpacked_one(self, tmp_path):
        for name in ("styles.csv", "styles.csv.zip", "more.csv.gz"):
            (tmp_path / name).touch()
        assert find_partitions(str(tmp_path)) == [str(tmp_path / name) for name in ("more.csv.gz", "styles.csv")]
        assert find_partitions(f"{tmp_path}/styles.csv.zip") == [f"{tmp_path}/styles.csv.zip"]

    def test_notes_and_settings_beside_a_catalog(self, tmp_path):
        for name in ("notes.txt", "schema.json"):
            (tmp_path / name).touch()
        assert len(find_partitions(str(tmp_path))) == 2
        (tmp_path / "a.json.gz").touch()
        assert find_partitions(str(tmp_path)) == [str(tmp_path / "a.json.gz")]
        assert find_partitions(f"{tmp_path}/*.txt") == [str(tmp_path / "notes.txt")]

    def test_files_left_out_that_may_have_products_are_told(self, tmp_path):
        for name in (
            "a.csv",
            "b.txt",
            "feed.xml",
            "c.xlsb",
            "c.tar.gz",
            "c.orc",
            "README.md",
            "1.jpg",
            "dataset_info.json",
            "a.csv.zip",
        ):
            (tmp_path / name).touch()
        told = []
        assert find_partitions(str(tmp_path), told.append) == [str(tmp_path / "a.csv")]
        assert [sentence.removeprefix(f"{tmp_path}: ") for sentence in told] == [
            "left out b.txt, feed.xml; in a folder .json, .txt, .xml count only if no other file does; "
            "name them if they are products",
            "left out c.tar.gz; if they hold products, unpack them",
            "left out c.xlsb; if they hold products, save them as .xlsx",
            "left out c.orc; if they hold products, save them as .parquet",
        ]
        told.clear()
        find_partitions(str(tmp_path / "a.csv"), told.append)
        assert not told

    def test_what_other_programs_leave_in_a_folder(self, tmp_path):
        cache = "cache-0123456789abcdef.arrow"
        names = ("~$a.xlsx", cache, cache.replace(".", "_00000_of_00002."), "cache-shirts.arrow", "a.xlsx")
        for name in names:
            (tmp_path / name).touch()
        assert find_partitions(str(tmp_path)) == [str(tmp_path / name) for name in ("a.xlsx", "cache-shirts.arrow")]

    def test_empty_path(self):
        with pytest.raises(CatalogError, match="empty path"):
            find_partitions(" ")
