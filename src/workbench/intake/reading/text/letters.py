"""Score how plausible a decoded text is by its letters, to choose between encodings."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import cache

__all__ = ["plausibility"]

# the most frequent characters in general and in trade texts
_CHINESE = set(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去"
    "法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点"
    "正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿"
    "原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资"
    "命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万"
    "取拉格望觉术领共确传师观清今切院让识候带导争运订单号客户顾会商编付款下购买数量价额状态支地址省县姓性别男女岁日期店铺名称类积卡等级"
    "余消费手电备注物流退关闭待评促销满减优惠券元件套盒装香港京沪江浙广东州深成都武汉南西安天津重庆宁波李王张刘陈杨黄赵吴周徐孙胡朱林何郭"
)
_TRADITIONAL = set(
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學"
    "訂單號客戶顧商編付款購買數量價額狀態支地址省縣姓性別男女歲日期店鋪名稱類積卡等級餘消費手機電話備註物流退關閉待評促銷滿減優惠券元件套"
    "盒裝臺灣北高雄台中新竹南陳林黃張李王吳劉蔡楊"
)
_KOREAN = set(
    "이다는의가에을하고지기사로한은도를나리서시자아어그대인여정해수일있보라과만것들전부마게제주스장와안면성구원비오우상소조국위무으유동경거"
    "화생적세공관명고객주문번호상품금액날짜이름성별남여구매결제전화주소회원등급수량가격배송김이박최정강조윤장임한오서신권황안송류홍"
)
_LATIN = {
    "cp1252": ("äöüß", "éèêëàâîïôùûüçœæ", "áéíóúñü¡¿", "áâãàçéêíóôõú", "àèéìíòóù", "ëïéèöü", "åäöé", "æøåéö"),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţșț", "čćđšž"),
}
_BLANKS_AND_MARKS = set("\u00a0€£°–—’‘“”…•«»©®™§²³½€·")
_WHOLE, _LIKELY, _RARE, _STRANGE, _IN_A_WORD = 1.0, 0.6, 0.1, -0.5, -1.0


def plausibility(text: str, encoding: str) -> float:
    """Score the letters beyond ASCII of a text, from about -1 (implausible) to 1 (letters of one language).

    Parameters
    ----------
    text : str
        Text decoded with the encoding.
    encoding : str
        utf-8, gb18030, big5, shift_jis, euc_kr, cp1252, latin-1 or cp1250.
    """
    places = [at for at, sign in enumerate(text) if sign > "\x7f"]
    if not places:
        return 0.0
    if encoding in ("cp1252", "latin-1", "cp1250"):
        return _latin(text, places, encoding)
    scores = [_broken(text, at) or _letter(text[at], encoding) for at in places]
    return sum(scores) / len(scores)


def _broken(text: str, at: int) -> float:
    """Return a bad score for a two-byte letter that follows a lower-case Latin letter, as if within a word."""
    before = text[at - 1] if at else " "
    return _IN_A_WORD if "a" <= before <= "z" and unicodedata.category(text[at]) == "Lo" else 0.0


@cache
def _letter(sign: str, encoding: str) -> float:
    if sign in "，。、；：？！（）《》“”‘’【】￥—·\u3000":
        return _LIKELY
    if encoding == "euc_kr":
        return _korean(sign)
    if encoding == "shift_jis":
        if "\u3040" <= sign <= "\u30ff":
            return _WHOLE
        return _STRANGE if "\uff61" <= sign <= "\uff9f" else _level(sign, "shift_jis", 0x98, _LIKELY)
    if encoding == "big5":
        return _WHOLE if sign in _TRADITIONAL else _level(sign, "big5", 0xC6, _LIKELY)
    return _WHOLE if sign in _CHINESE else _level(sign, "gb2312", 0xD7, _LIKELY)


def _korean(sign: str) -> float:
    if "\uac00" <= sign <= "\ud7a3":
        return _WHOLE if sign in _KOREAN else _LIKELY
    return _STRANGE if "\u4e00" <= sign <= "\u9fff" else _RARE


def _level(sign: str, encoding: str, last: int, score: float) -> float:
    """Score a character by its level in a national standard, where common characters come first."""
    try:
        code = sign.encode(encoding)
    except UnicodeEncodeError:
        return _STRANGE
    if len(code) < 2 or unicodedata.category(sign) != "Lo":  # noqa: PLR2004  (a letter of two bytes)
        return _RARE
    return score if code[0] <= last else _RARE


def _latin(text: str, places: list[int], encoding: str) -> float:
    """Score accented letters: high for letters of one language, less for the encoding's languages, low for signs."""
    counts: Counter[str] = Counter()
    strange = 0.0
    for at in places:
        sign = text[at]
        if sign in _BLANKS_AND_MARKS:
            strange += 0.5 * _inside_word(text, at)
            continue
        small = sign.lower()
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        run = at > 1 and text[at - 1] > "\x7f" and text[at - 2] > "\x7f"
        if not sign.isalpha() or (sign.isupper() and before.islower()) or run or (sign.isupper() and after > "\x7f"):
            strange += 1
        else:
            counts[small] += 1
    total = sum(counts.values()) + strange
    if not total:
        return _LIKELY
    languages = _LATIN["cp1250" if encoding == "cp1250" else "cp1252"]
    best = max(sum(counts[sign] for sign in letters) for letters in map(set, languages))
    expected = sum(count for sign, count in counts.items() if any(sign in letters for letters in languages))
    return (0.4 * best + 0.6 * expected - strange) / total


def _inside_word(text: str, at: int) -> bool:
    return at > 0 and text[at - 1].isalpha() and text[at + 1 : at + 2].isalpha() and text[at] != "\u00a0"
