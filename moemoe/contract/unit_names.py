"""Sellers' names of units in the languages of their markets, besides the name, symbol and plural that pint knows."""

from collections.abc import Mapping

#: pint's name of a unit -> its spellings, separated by commas.
_SPELLINGS = {
    "inch": (
        '", ins, inches, Zoll, pouce, pouces, pulgada, pulgadas, pollice, pollici, polegada, polegadas, inç, '
        "дюйм, дюйма, дюймов, इंच, इन्च, அங்குலம், インチ, 인치, 英寸, นิ้ว, بوصة, إنش, انش"
    ),
    "foot": "', feet, fts, Fuß, pied, pieds, फुट, フィート, 피트, 英尺, ฟุต, قدم",
    "yard": "yds, ヤード, 야드, गज",
    "gram": (
        "gm, gms, gr, grm, grms, grs, gramme, grammes, Gramm, gramos, grammi, gramas, г, гр, ग्राम, கிராம், "
        "グラム, 그램, 克, 公克, กรัม, جم, غرام, جرام"
    ),
    "kilogram": (
        "kgs, kilo, kilos, kgm, kilogramme, kilogrammes, Kilogramm, kilogramos, chilo, chili, кг, किलो, "
        "किलोग्राम, किग्रा, கிலோ, கிலோகிராம், キロ, キログラム, 킬로그램, 千克, 公斤, กก, กิโลกรัม, كجم, كغ, "
        "كغم, كيلو, كيلوغرام, كيلوجرام"
    ),
    "milligram": "мг, मिग्रा, ミリグラム, 毫克, 밀리그램",
    "pound": "lbs, パウンド, ポンド, 파운드, पाउंड",
    "ounce": "ozs, オンス, 온스, औंस",
    "fluid_ounce": "fl oz, fl. oz, fl.oz, fl ozs, fluid oz, fluid ounces",
    "carat": "cts, carats, カラット, 캐럿",
    "liter": "lt, lts, ltr, ltrs, lit, litro, litros, litri, л, लीटर, லிட்டர், リットル, 리터, 公升, ลิตร, لتر",
    "milliliter": "mls, mltr, mltrs, мл, मिली, मिलीलीटर, ミリリットル, 밀리리터, 毫升, มล, มิลลิลิตร, مل",
    "centimeter": (
        "cms, cmtr, Zentimeter, centimètre, centimètres, centímetro, centímetros, centimetro, centimetri, "
        "santim, santimetre, c.m, см, सेमी, सें.मी, से.मी, सेंमी, सेंटीमीटर, செ.மீ, சென்டிமீட்டர், センチ, "
        "センチメートル, 센티미터, 센티, 센치, 厘米, 公分, ซม, เซนติเมตร, سم, سنتيمتر"
    ),
    "millimeter": (
        "mms, m.m, millimètre, millimètres, milímetro, milímetros, milimetre, мм, मिमी, मि.मी, मिलीमीटर, ミリ, "
        "ミリメートル, 밀리미터, 毫米, 公厘, มม, มิลลิเมตร, مم, ملم, مليمتر"
    ),
    "meter": (
        "mtr, mtrs, mts, mètre, mètres, metro, metros, metri, м, मीटर, மீட்டர், メートル, 미터, 米, 公尺, เมตร, متر"
    ),
    "micrometer": "micron, microns, um",
    "day": "days, Tag, Tage, Tagen, jour, jours, día, días, giorno, giorni, dia, dias, दिन, 日間, 天, วัน, يوم",
    "month": (
        "mth, mths, mnth, mnths, mon, mo, mos, Monat, Monate, Monaten, mois, mes, meses, mese, mesi, ay, "
        "мес, месяц, месяца, месяцев, महीना, महीने, माह, ヶ月, ヵ月, ケ月, カ月, か月, ヶ月間, か月間, 개월, "
        "个月, 個月, เดือน, شهر, أشهر"
    ),
    "year": (
        "yr, yrs, y, Jahr, Jahre, Jahren, an, ans, année, années, año, años, anno, anni, ano, anos, yıl, "
        "год, года, лет, साल, वर्ष, 年, 年間, 년, ปี, سنة, سنوات"
    ),
    "hour": "hr, hrs, Stunde, Stunden, heure, heures, hora, horas, ora, ore, घंटे, घंटा, 時間, 시간, 小时",
    "minute": "mins, Minute, Minuten, minuto, minutos, minuti, मिनट, 分, 分間, 분, 分钟",
    "degree_Celsius": (
        "°c, ° c, c, deg c, degree c, degrees c, degree celsius, degrees celsius, celsius, Grad Celsius, "
        "degrés Celsius, grados Celsius"
    ),
    "degree_Fahrenheit": "°f, ° f, f, deg f, degree f, degrees f, degree fahrenheit, degrees fahrenheit, fahrenheit",
    "percent": "%, per cent, pct, Prozent, pour cent, प्रतिशत, パーセント",
    "watt": "watts, ватт, वाट, ワット, 와트",
    "gigabyte": "Go",
}

SELLERS: Mapping[str, tuple[str, ...]] = {unit: tuple(texts.split(", ")) for unit, texts in _SPELLINGS.items()}
