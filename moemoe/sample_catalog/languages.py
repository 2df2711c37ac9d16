"""Texts of sellers in two more markets: in Hindi, with vowel signs between letters, and in Japanese, without blanks.

Such a product states its attributes as "attribute: value" in its own language; a raw label is in English or in that
language. ``VALUES`` are also aliases in the contract of ``30pt``, so that labels are read and values found in texts.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """One market's language.

    Args:
        marketplace: the catalog's name of the market.
        column: of this language in the tables below.
        says: the pattern of a statement of an attribute and its value.
        stop: the punctuation at the end of a sentence.
    """

    marketplace: str
    column: int
    says: str
    stop: str

    def title(self, product_type: str, brand: str, words: Sequence[str]) -> str:
        """A title of the brand's name, some values and the product type."""
        blank = " " if self.stop == "।" else ""
        return f"{brand} " + blank.join([*words, PRODUCT_TYPES[product_type][self.column]])

    def value(self, value: str) -> str:
        """The value's name; names of letters and persons stay as they are."""
        return VALUES[value][self.column] if value in VALUES else value

    def sentences(self, said: Mapping[str, str], rng: random.Random) -> list[str]:
        """One for each attribute and its value, in any order."""
        found = [self.says.format(ATTRIBUTES[name][self.column], self.value(value)) for name, value in said.items()]
        rng.shuffle(found)
        return found


LANGUAGES = (Language("IN-HI", 0, "{}: {}", "।"), Language("JP", 1, "{}:{}", "。"))

#: Attribute, product type or value: its name in Hindi and in Japanese.
ATTRIBUTES = {
    "age range description": ("आयु वर्ग", "対象年齢"), "care instructions": ("धुलाई", "お手入れ方法"),
    "closure type": ("बंद करने का तरीका", "留め具"), "collection": ("संग्रह", "コレクション"),
    "cup size": ("कप साइज़", "カップサイズ"), "department": ("किसके लिए", "対象"),
    "design name": ("डिज़ाइन", "デザイン"), "fabric type": ("कपड़े का प्रकार", "生地の種類"),
    "fabric wash": ("फेड", "加工"), "finish type": ("फ़िनिश", "仕上げ"), "fit type": ("फिटिंग", "フィット"),
    "front style": ("सामने का हिस्सा", "前あき"), "item styling": ("सजावट", "装飾"),
    "lining description": ("अस्तर", "裏地"), "material": ("सामग्री", "素材"), "occasion type": ("अवसर", "用途"),
    "outer material": ("बाहरी सामग्री", "表素材"), "pattern type": ("पैटर्न", "柄"),
    "pocket description": ("जेब", "ポケット"), "rise style": ("कमर की ऊँचाई", "股上"), "seasons": ("मौसम", "季節"),
    "sleeve type": ("आस्तीन", "袖"), "sport type": ("खेल", "スポーツ"), "style": ("कट", "シルエット"),
    "subject character": ("पात्र", "キャラクター"), "theme": ("थीम", "テーマ"), "top style": ("टॉप", "トップス"),
    "underwire type": ("वायर", "ワイヤー"), "waist style": ("कमरबंद", "ウエスト"), "weave type": ("बुनाई", "織り方"),
}  # fmt: skip

PRODUCT_TYPES = {
    "shirt": ("शर्ट", "シャツ"), "kurta": ("कुर्ता", "クルタ"), "apparel belt": ("बेल्ट", "ベルト"),
    "apparel gloves": ("दस्ताने", "手袋"), "blazer": ("ब्लेज़र", "ブレザー"), "bra": ("ब्रा", "ブラジャー"),
    "choli": ("चोली", "チョリ"), "coat": ("कोट", "コート"), "dress": ("पोशाक", "ワンピース"), "hat": ("टोपी", "帽子"),
    "necktie": ("टाई", "ネクタイ"), "nightgown nightshirt": ("नाइटगाउन", "ネグリジェ"),
    "overalls": ("डंगरी", "オーバーオール"), "pajamas": ("पजामा", "パジャマ"), "pants": ("पैंट", "ズボン"),
    "saree": ("साड़ी", "サリー"), "scarf": ("दुपट्टा", "スカーフ"), "shorts": ("निक्कर", "短パン"),
    "skirt": ("घाघरा", "スカート"), "sleepwear": ("रात के कपड़े", "寝間着"), "socks": ("मोज़े", "靴下"),
    "suit": ("सूट", "スーツ"), "sweater": ("स्वेटर", "セーター"), "sweatshirt": ("स्वेटशर्ट", "トレーナー"),
    "swimwear": ("तैराकी पोशाक", "水着"), "tights": ("टाइट्स", "タイツ"), "track suit": ("ट्रैकसूट", "ジャージ"),
    "tunic": ("ट्यूनिक", "チュニック"), "undergarment slip": ("शमीज़", "スリップ"), "underpants": ("जाँघिया", "下着"),
}  # fmt: skip

VALUES = {
    "Adults-Men": ("वयस्क पुरुष", "大人男性"), "Adults-Women": ("वयस्क महिला", "大人女性"),
    "Kids-Boys": ("छोटे लड़के", "男児"), "Kids-Girls": ("छोटी लड़कियाँ", "女児"),
    "Men": ("पुरुष", "メンズ"), "Women": ("महिला", "レディース"), "Boys": ("लड़के", "男の子"), "Girls": ("लड़कियाँ", "女の子"),
    "Machine Wash": ("मशीन में धोएँ", "洗濯機洗い"), "Hand Wash": ("हाथ से धोएँ", "手洗い"),
    "Dry Clean": ("ड्राई क्लीन", "ドライクリーニング"),
    "Button": ("बटन", "ボタン"), "Zip": ("ज़िप", "ファスナー"), "Slip-On": ("पहनने में आसान", "かぶり"),
    "Festive Collection": ("त्योहार संग्रह", "祭りコレクション"), "Everyday Essentials": ("रोज़ की ज़रूरत", "毎日の定番"),
    "Handloom Collection": ("हथकरघा संग्रह", "手織りコレクション"),
    "Paisley": ("कैरी", "ペイズリー"), "Ethnic Motifs": ("पारंपरिक आकृतियाँ", "民族柄"), "Abstract": ("अमूर्त", "抽象柄"),
    "Geometric": ("ज्यामितीय", "幾何学模様"),
    "Woven": ("बुना हुआ", "織物"), "Knitted": ("स्वेटर बुनाई", "編み物"), "Jersey": ("जर्सी", "天竺"),
    "Light Fade": ("हल्का फेड", "薄い色落ち"), "No Fade": ("पक्का रंग", "未加工"), "Stone Wash": ("स्टोन वॉश", "ストーンウォッシュ"),
    "Matte": ("मैट", "つや消し"), "Glossy": ("चमकदार", "光沢"), "Textured": ("बनावटदार", "凹凸"),
    "Regular Fit": ("सामान्य फिट", "標準"), "Slim Fit": ("चुस्त फिट", "細身"), "Loose Fit": ("ढीला फिट", "ゆったり"),
    "Button Placket": ("बटन पट्टी", "前ボタン"), "Open Front": ("खुला सामना", "前開き"), "Plain Front": ("सादा सामना", "前なし"),
    "Embroidered": ("कढ़ाईदार", "刺繍"), "Sequinned": ("सितारों वाला", "スパンコール"), "Ruffles": ("झालर", "フリル"),
    "Unlined": ("बिना अस्तर", "裏地なし"), "Fully Lined": ("पूरा अस्तर", "総裏"), "Cotton Lining": ("सूती अस्तर", "綿裏地"),
    "Cotton": ("सूती", "綿"), "Polyester": ("पॉलिएस्टर", "ポリエステル"), "Linen": ("लिनन", "麻"), "Silk": ("रेशम", "絹"),
    "Viscose Rayon": ("रेयॉन", "レーヨン"), "Wool": ("ऊनी", "羊毛"),
    "Casual": ("रोज़मर्रा", "普段着"), "Formal": ("औपचारिक", "フォーマル"), "Festive": ("त्योहार", "祭り"), "Party": ("पार्टी", "パーティー"),
    "Leather": ("चमड़ा", "本革"), "Synthetic Leather": ("कृत्रिम चमड़ा", "合成皮革"), "Canvas": ("कैनवास", "帆布"),
    "Solid": ("सादा", "無地"), "Striped": ("धारीदार", "縞"), "Checked": ("चेकदार", "格子"), "Printed": ("छपाईदार", "プリント"),
    "Polka Print": ("बुँदकीदार", "水玉"),
    "No Pocket": ("जेब नहीं", "ポケットなし"), "1 Pocket": ("एक जेब", "ポケット一つ"), "2 Pockets": ("दो जेब", "ポケット二つ"),
    "Mid-Rise": ("मध्यम कमर", "普通丈"), "High-Rise": ("ऊँची कमर", "深め"), "Low-Rise": ("नीची कमर", "浅め"),
    "Summer": ("गर्मी", "夏"), "Winter": ("सर्दी", "冬"), "Fall": ("पतझड़", "秋"),
    "Short Sleeves": ("आधी आस्तीन", "半袖"), "Long Sleeves": ("पूरी आस्तीन", "長袖"),
    "Three-Quarter Sleeves": ("तीन चौथाई आस्तीन", "七分袖"), "Sleeveless": ("बिना आस्तीन", "袖なし"),
    "Running": ("दौड़", "ランニング"), "Cricket": ("क्रिकेट", "クリケット"), "Football": ("फुटबॉल", "サッカー"),
    "A-Line": ("ए लाइन", "Aライン"), "Straight": ("सीधा", "ストレート"), "Anarkali": ("अनारकली", "アナルカリ"),
    "Mickey Mouse": ("मिकी माउस", "ミッキーマウス"), "Superman": ("सुपरमैन", "スーパーマン"), "Elephant": ("हाथी", "象"),
    "Floral": ("फूलों वाला", "花柄"), "Nautical": ("समुद्री", "海"), "Vintage": ("पुराने ज़माने का", "古着風"),
    "T-Shirt": ("टी-शर्ट", "Tシャツ"), "Camisole": ("कैमिसोल", "キャミソール"), "Shirt": ("कमीज़", "シャツ"),
    "Non-Wired": ("बिना वायर", "ノンワイヤー"), "Underwired": ("वायर वाला", "ワイヤー入り"),
    "Elasticated": ("इलास्टिक", "ゴム"), "Drawstring Waist": ("नाड़ा", "ひも"), "With Belt Loops": ("बेल्ट लूप", "ベルト通し"),
    "Machine Weave": ("मशीन बुनाई", "機械織り"), "Hand Weave": ("हाथ बुनाई", "手織り"),
}  # fmt: skip
