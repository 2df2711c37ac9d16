"""Files in the encodings that Excel uses in each country; western ones stay in Windows-1252."""

import gzip
import random
from itertools import combinations

import pytest

from moemoe.catalog.formats import text
from moemoe.catalog.formats.encodings import WINDOWS, find_encoding
from moemoe.catalog.formats.scripts import GREEK as GREEK_SCRIPT
from moemoe.catalog.formats.scripts import THAI as THAI_SCRIPT
from tests.support.catalog_files import read_as, rows_of

JAPANESE = ["レディース 綿100% ワンピース", "メンズ ソフト ポロシャツ 表地｜黒", "ゆったりとした着心地のニット"]
SIMPLIFIED = ["女士纯棉长袖连衣裙", "男士黑色修身衬衫", "夏季新款宽松短裤 透气"]
TRADITIONAL = ["女士純棉長袖連衣裙", "男士黑色修身襯衫", "夏季新款寬鬆短褲 透氣"]
KOREAN = ["여성 면 긴팔 원피스", "남성 블랙 슬림핏 셔츠", "여름 신상 반바지 통풍"]
RUSSIAN = ["Женское платье из хлопка", "Мужская рубашка чёрная", "ШОРТЫ ЛЕТНИЕ"]
POLISH = ["Sukienka bawełniana z długim rękawem", "Koszula żółta, męska", "Torebka skórzana brązowa"]
CZECH = ["Dámské bavlněné šaty s dlouhým rukávem", "Košile černá, přiléhavá", "Tričko žluté"]
HUNGARIAN = ["Női pamut ruha hosszú ujjú, őszi", "Férfi ing, szűk szabású, erős", "Gyerek cipő, könnyű"]
GREEK = ["Γυναικείο φόρεμα από βαμβάκι", "Ανδρικό πουκάμισο μαύρο, ΣΟΡΤΣ", "Τσάντα δερμάτινη, καφές"]
TURKISH = [
    *("Kadın pamuklu uzun kollu elbise, şık", "Erkek siyah gömlek, dar kesim, düğmeli", "Çocuk spor ayakkabısı"),
    *("Yünlü mavi kazak, bisiklet yaka", "İPEK EŞARP KIRMIZI", "Yağmurluk, su geçirmez, ışıltılı"),
]
LITHUANIAN = [
    *("Moteriška medvilninė suknelė", "Vyriški marškiniai, siaurėjantys", "Žieminė striukė su gobtuvu, šilta"),
    *("Odinė rankinė, ruda, užtrauktukas", "Mėlyna kepurė, ąžuolo spalvos sagos", "Vaikiškas švarkas, dydžiai įvairūs"),
]
LATVIAN = [
    *("Sieviešu kleita ar garām piedurknēm", "Vīriešu melns krekls, šaurs piegriezums", "Bērnu apavi, izmērs 28"),
    *("Ādas soma, brūna, ērta", "Žakete zaļa ar kapuci, ļoti silta", "Ķermeņa krēms, ģimenes izmērs"),
    "Čības mājām, mīkstas, ņemamas līdzi",
]
HEBREW = ["שמלת כותנה לנשים עם שרוול ארוך", "חולצת פולו לגברים שחורה", "נעלי ספורט לילדים מידה 28"]
ARABIC = ["فستان نسائي قطني بأكمام طويلة", "قميص رجالي أسود", "حذاء رياضي للأطفال مقاس 28"]
THAI = ["ชุดเดรสผ้าฝ้ายแขนยาวสำหรับผู้หญิง", "เสื้อเชิ้ตผู้ชายสีดำ", "รองเท้ากีฬาเด็ก เบอร์ 28"]
FRENCH = ["Robe d'été légère à manches longues, brodée", "Forêt, crème, façade côtelée", "Taille élastiquée, très doux"]
GERMAN = ["Größe M, schwarz, Länge 70 cm", "Ärmelloses Kleid, für Mädchen", "Fußmatte, grün, gefüttert, öko"]
SPANISH = [
    "Vestido de algodón, diseño español",
    "Camiseta niño, años 4 a 5, tacón pequeño",
    "Cinturón marrón fácil, único",
]
PORTUGUESE = [
    "Calção infantil, proteção solar",
    "Botões, cordões, alças ajustáveis",
    "Coleção verão, preço único, até três",
]
DANISH = [
    "Kjole i økologisk bomuld, blå, størrelse S",
    "Børnetøj, rød, grøn, æske med låg",
    "Klänning, ärmlös, för små",
]
TITLES = [
    ("cp932", "Shift-JIS", JAPANESE),
    ("gbk", "GB 18030 (GBK)", SIMPLIFIED),
    ("gb18030", "GB 18030 (GBK)", SIMPLIFIED),
    ("cp950", "Big5", TRADITIONAL),
    ("cp949", "EUC-KR (cp949)", KOREAN),
    ("cp1251", "Windows-1251", RUSSIAN),
    ("cp1250", "Windows-1250", POLISH),
    ("cp1250", "Windows-1250", CZECH),
    ("cp1250", "Windows-1250", HUNGARIAN),
    ("cp1253", "Windows-1253", GREEK),
    ("cp1254", "Windows-1254", TURKISH),
    ("cp1257", "Windows-1257", LITHUANIAN),
    ("cp1257", "Windows-1257", LATVIAN),
    *(("mac_roman", "Mac Roman", titles) for titles in (FRENCH, GERMAN, SPANISH, PORTUGUESE, DANISH)),
    ("cp1255", "Windows-1255", HEBREW),
    ("cp1256", "Windows-1256", ARABIC),
    ("cp874", "Windows-874", THAI),
]
WESTERN = [
    *("Robe d'été en coton légère – 49,90 €", "Chemise à manches longues brodée, col « Mao »", "Cœur, œillets, août"),
    *("Pantalon côtelé taille élastiquée", "Été 2024 : forêt, crème", "Déjà vu® – Édition limitée™", "naïve façade"),
    *("Größe M, schwarz, Länge 70 cm", "ÄRMELLOSES KLEID GRÖSSE 38", "Öko-Tex®, waschbar bei 60°C", "Fußmatte"),
    *("Vestido de algodón, diseño español", "¿Qué incluye? ¡Tacón pequeño!", "Camiseta niño, años 4-5", "1ª, nº 5"),
    *("Kjole i økologisk bomuld, blå, størrelse S", "Børnetøj, rød, grøn", "Æske med låg, sølv", "Klänning, ärmlös"),
    *("Calção infantil, proteção solar", "Botões, cordões, alças ajustáveis", "Preço: 12,90€ (3×)", "É à mão"),
    *("Città, perché, è disponibile così", "Één maat, geïsoleerd, reünie", "Bómullarkjóll, blár, stærð, síður"),
    *("Men’s “Classic” – 100% cotton", "• Soft • Light", "5½ × 12 cm, 35 cm³, 20 m², 3 µm, ±2°", "£20, ¥3000, 20€"),
    *("30°C", "Café", "Škoda", "Citroën, L’Oréal, Nestlé®", "© 2024 Søren Østergård", "Ø 12 mm, ø8", "‘x’ ‹y› »z«"),
]


@pytest.mark.parametrize("kind", ["csv", "tsv", "bars.csv", "csv.gz", "jsonl", "json"])
@pytest.mark.parametrize(("codec", "name", "titles"), TITLES)
def test_files_of_each_country(tmp_path, kind, codec, name, titles):
    """Second bytes of Shift-JIS, GBK and Big5 may be a backslash or a bar."""
    path = tmp_path / f"a.{kind}"
    if "json" in kind:
        row = '{{"product_id": "p{}", "product_type": "K", "title": "{}", "attributes": {{}}}}'
        rows = [row.format(number, title) for number, title in enumerate(titles)]
        content = "\n".join([*rows, ""]) if kind == "jsonl" else f"[{','.join(rows)}]"
    else:
        between = "\t" if kind == "tsv" else "|" if "bars" in kind else ";"
        rows = [f"p{number};K;{title};Slim" for number, title in enumerate(titles)]
        content = "\n".join(["product_id;product_type;title;attributes.Fit", *rows, ""]).replace(";", between)
    packed = gzip.compress if kind.endswith("gz") else bytes
    path.write_bytes(packed(content.encode(codec)))
    assert [row["title"] for row in rows_of(path)] == titles
    lines = 1 if kind == "json" else len(titles)
    assert read_as(path).counts == {f"lines that are not UTF-8, read as {name}": lines}


class TestWesternTexts:
    """Windows-1252 with few accented letters is not Chinese, nor Polish."""

    @pytest.mark.parametrize("number", [1, 2, 3, 5, 10, 20])
    def test_of_several_languages(self, number):
        draw = random.Random(number)
        for _ in range(300):
            titles = draw.sample(WESTERN, number)
            assert find_encoding([title.encode("cp1252") for title in titles]) is WINDOWS, titles

    def test_one_word_in_every_line(self):
        words = {word for title in WESTERN for word in title.split() if not word.isascii()}
        for word in (*words, *map(str.upper, words)):
            line = word.encode("cp1252", "ignore")
            assert find_encoding([line, b"1," + line + b",x", b"a" + line + b"b"] * 20) is WINDOWS, word

    @pytest.mark.parametrize(
        ("codec", "title"),
        [
            ("iso8859-5", RUSSIAN[0] + RUSSIAN[1]),
            ("cp866", RUSSIAN[0] + RUSSIAN[1]),
            ("cp737", GREEK[0] + GREEK[1]),
            ("cp862", HEBREW[0]),
            ("koi8-r", RUSSIAN[0] + RUSSIAN[1]),
            ("euc-jp", JAPANESE[0] + JAPANESE[2]),
        ],
    )
    def test_others_are_not_mistaken(self, codec, title):
        """These cost their rows, as words of letters that are all not ASCII do."""
        assert find_encoding([title.encode(codec)] * 3) is WINDOWS


OF_SCRIPTS = [one for one in TITLES if one[0] in ("cp1251", "cp1253", "cp1255", "cp1256", "cp874")]


class TestScripts:
    """Texts in one of the encodings of a script are not taken for another's, which they are words in too."""

    @pytest.mark.parametrize(("codec", "name", "titles"), OF_SCRIPTS)
    def test_any_few_of_the_titles(self, codec, name, titles):
        for number in (1, 2, 3):
            for some in combinations(titles, number):
                found = find_encoding([title.encode(codec) for title in some]).name
                assert found in (name, WINDOWS.name), some
                assert found == name or number < 3

    def test_a_final_form_within_words_speaks_against_a_script(self):
        assert GREEK_SCRIPT.is_that_of(GREEK)
        assert not GREEK_SCRIPT.is_that_of([title.replace("ν", "ς") for title in GREEK])

    def test_a_vowel_sign_without_its_consonant_speaks_against_thai(self):
        assert THAI_SCRIPT.is_that_of(THAI)
        assert not THAI_SCRIPT.is_that_of([title[::-1] for title in THAI])


@pytest.mark.parametrize(
    ("codec", "title"),
    [
        *(("cp932", "綿"), ("gbk", "红色"), ("cp1251", "платье"), ("cp1250", "żółta"), ("cp1253", "φόρεμα")),
        *(("cp1254", "gömleği şık"), ("cp1257", "suknelė, žieminė"), ("cp1255", "שמלה"), ("cp874", "เสื้อ")),
    ],
)
def test_too_little_to_tell(codec, title):
    assert find_encoding([title.encode(codec)] * 2) is WINDOWS


def write(path, *lines):
    path.write_bytes(b"\n".join([b"product_id,product_type,title,attributes.Fit", *lines, b""]))
    return path


def row(number, title, codec="utf-8"):
    return f"p{number},K,{title},Slim".encode(codec)


class TestMixedFiles:
    def test_utf_8_with_lines_of_another_encoding(self, tmp_path):
        titles = [*JAPANESE, "café"]
        lines = [row(1, JAPANESE[0]), *(row(2, title, "cp932") for title in JAPANESE), row(3, "café")]
        path = write(tmp_path / "a.csv", *lines)
        assert [one["title"] for one in rows_of(path)] == [JAPANESE[0], *titles]
        assert read_as(path).counts == {"lines that are not UTF-8, read as Shift-JIS": 3}

    def test_utf_8_that_was_cut_within_characters(self, tmp_path):
        lines = [row(1, title).replace("ー".encode(), "ー".encode()[:2]) for title in JAPANESE * 5]
        told = []
        rows_of(write(tmp_path / "a.csv", *lines), quarantine=lambda *problem: told.append(problem))
        assert not [name for name in read_as(tmp_path / "a.csv").counts if "Shift" in name]

    def test_a_damaged_line_of_utf_8_is_not_read_in_the_encoding(self, tmp_path):
        damaged = row(1, "рубашка белая").replace("л".encode(), "л".encode()[:1])
        lines = [row(0, title, "cp1251") for title in RUSSIAN]
        rows = rows_of(write(tmp_path / "a.csv", *lines, damaged), quarantine=lambda *_: None)
        assert [one["title"] for one in rows[:3]] == RUSSIAN
        assert rows[-1]["title"] is None or rows[-1]["title"].startswith("рубашка бе")

    def test_a_line_that_is_not_in_the_encoding_costs_itself(self, tmp_path):
        lines = [row(number, JAPANESE[number % 3], "cp932") for number in range(40)]
        cut = row(40, JAPANESE[0], "cp932").replace("ス,".encode("cp932"), b"\x83,")
        told = []
        rows = rows_of(write(tmp_path / "a.csv", *lines, cut), quarantine=lambda *problem: told.append(problem))
        assert [one["title"] for one in rows] == [*(JAPANESE[number % 3] for number in range(40)), None]
        assert [(number, reason) for number, _, reason, _ in told] == [(40, "text is not UTF-8")]

    def test_the_first_lines_decide_and_are_read_once(self, tmp_path, monkeypatch):
        monkeypatch.setattr(text, "_SAMPLED_LINES", 5)
        titles = ["plain", *RUSSIAN * 2, *JAPANESE * 2]
        lines = [row(1, "plain"), *(row(1, t, "cp1251") for t in RUSSIAN * 2), *(row(1, t) for t in JAPANESE * 2)]
        path = write(tmp_path / "a.csv", *lines, *(row(1, t, "cp1252") for t in ["Été forêt"] * 12))
        assert [one["title"] for one in rows_of(path)][: len(titles)] == titles
        assert read_as(path).counts == {"lines that are not UTF-8, read as Windows-1251": 18}

    def test_no_more_than_a_bounded_part_is_held(self, tmp_path, monkeypatch):
        monkeypatch.setattr(text, "_SAMPLED_SIZE", 2**12)
        path = write(tmp_path / "a.csv", row(0, "é", "cp1252"), *(row(number, "t") for number in range(5000)))
        file = text.TextFile("a.csv", path, "")
        assert [file.readline() for _ in range(2)][1] == "p0,K,é,Slim\n"
        assert 0 < sum(map(len, file._ahead)) < 2**13
        file.close()
