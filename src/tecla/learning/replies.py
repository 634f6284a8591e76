"""What somebody has written themselves in a mail: without quotes, signature and disclaimer.

mail-parser-reply knows in many languages how mail programs head a quoted mail and how disclaimers
begin. Its rule for signatures is not used: it cuts from "Best regards," to the end, and how
somebody ends their mails is just what they type every day. So the closing and the name below it
stay, and what follows them goes: title, company, numbers, addresses.

Its patterns can take very long on hostile text, so it sees at most `_MOST_CHARS` of a mail in lines
of at most `_MOST_LINE`, all quotes taken out before; the process around it ends at a limit anyhow.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import regex

from tecla.learning.lines import unwrapped

_MOST_CHARS: Final = 20_000
_MOST_LINE: Final = 1_000
_LANGUAGES: Final = ["en", "de", "es", "fr", "it", "nl", "da", "sv", "cs"]
_BLANK: Final = regex.compile(r"\n(?:[ \t]*+\n){2,}+")
_SPACES: Final = regex.compile(r"[ \t]{9,}+")
_GAP: Final = regex.compile(r"\n[ \t]*+\n\s*")
_QUOTE: Final = regex.compile(r"\s{0,3}[>|]")
_HEAD: Final = regex.compile(  # of a quoted or forwarded mail; from here on it is another's text
    r"(?im)^[ \t>]*+(?:"
    r"-{2,}\s*(?:original message|forwarded (?:message|by)|mensaje original|mensaje reenviado"
    r"|ursprüngliche nachricht|weitergeleitete nachricht|message d'origine|message transféré"
    r"|messaggio originale|oorspronkelijk bericht|mensagem original).*"
    r"|begin forwarded message:.*|_{20,}\s*"
    r"|(?:on|el|am|le|il|op|em|den|dne)\s[^\n]{4,200}(?:\n[^\n]{1,160})?"
    r"\b(?:wrote|escribió|schrieb|a écrit|ha scritto|schreef|escreveu|skrev|napsal\(a\))"
    r"[^\n]{0,60}:"
    r"|[^\n<>]{0,80}<[^\n<>@\s]{1,80}@[^\n<>\s]{1,80}>\s(?:wrote|writes|escribió|schrieb|a écrit):"
    r"|(?:from|de|von|da|van|från|fra):[^\n]+\n[ \t>]*(?:sent|date|to|enviado|fecha|para|gesendet"
    r"|datum|an|envoyé|date|à|inviato|data|a|verzonden|aan|skickat|till|sendt|til|cc|subject)"
    r"\s?:[^\n]*"
    r")[ \t]*$"
)
_OLD_HEAD: Final = regex.compile(  # Lotus Notes: name, date, then To: and cc:
    r"(?im)^[^\n]{0,100}\n?[^\n]{0,60}\d{1,2}/\d{1,2}/\d{2,4}[^\n]{0,20}\d{1,2}:\d{2}[^\n]{0,10}\n"
    r"\s*(?:to|please respond to[^\n]*\n\s*to):[^\n]*$"
)
_SIGNATURE: Final = regex.compile(r"(?m)^(?:--[ \t]*|_{3,}[ \t]*|\*{3,}[ \t]*)$")
_SENT_FROM: Final = regex.compile(
    r"(?im)^[ \t]*(?:sent from (?:my|outlook|mail|yahoo)|get outlook for|enviado desde mi"
    r"|gesendet von|von meinem \S+ gesendet|envoyé (?:de|depuis) mon|inviato da"
    r"|verzonden vanaf|skickat från|sendt fra min|wysłano z|odesláno z)[^\n]{0,80}$"
)
_CLOSING: Final = regex.compile(
    r"(?im)^[ \t]*(?:(?:(?:with )?(?:best|kind|kindest|warm|warmest|many)?"
    r"\s*(?:regards|wishes|thanks)|best|all the best|thanks(?: again| so much| a lot| in advance)?"
    r"|thank you(?: very much)?|thx|cheers|sincerely(?: yours)?"
    r"|yours(?: sincerely| faithfully| truly)?|love|take care|talk soon"
    r"|regards|respectfully|(?:un (?:cordial )?|muchos |cordiales )?saludos?|un abrazo|abrazos"
    r"|atentamente|(?:muchas )?gracias(?: de antemano)?|cordialmente|besos"
    r"|(?:mit )?(?:freundlichen?|besten?|lieben?|vielen?|herzlichen?|schönen?) "
    r"(?:grüßen?|grüssen?|gruß|gruss|dank)|lg|vg|mfg"
    r"|(?:bien )?(?:cordialement|amicalement)|cordiali saluti|distinti saluti|groet(?:en|jes)?"
    r"|met vriendelijke groet(?:en)?|mvh|(?:med )?vänliga hälsningar|(?:med )?venlig hilsen"
    r")[ \t,.!]*)$"
)
_CONTACT: Final = regex.compile(
    r"(?i)\b(?:tel|phone|ph|fax|mobile|cell|office|direct|móvil|teléfono|telefon|mobil)\b\W{0,4}[\d(+]"
    r"|(?<![\w.+-])[\w.+-]++@[\w-]++\.\w|https?://|www\.|\b\d{3}[-.\s)]{1,2}\d{3}[-.\s]\d{4}\b"
)
_NAME: Final = regex.compile(
    r"[\s*~-]*(?:\p{Lu}[\p{L}\p{M}'’.-]*+\s*){1,4}[,.!]?\s*|\s*\p{L}{1,12}\s*"
)
_MOST_SIGNATURE_LINES: Final = 12
_DISCLAIMER: Final = regex.compile(
    r"(?i)\b(?:confidential|privileged|intended (?:only |solely )?(?:for|recipient)|confidencial"
    r"|vertraulich|confidentiel|riservat|vertrouwelijk|destinatario|empfänger|destinataire)\b"
)
_OF_MAIL: Final = regex.compile(
    r"(?i)\b(?:e-?mail|message|communication|correo|mensaje|nachricht|courriel|messaggio|bericht)\b"
)


def own_text(body: str) -> str:
    """The text of a mail's body that its sender wrote, with the closing; may be empty."""
    text = body.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    text = _BLANK.sub("\n\n", _SPACES.sub(" ", text))
    for pattern in (_HEAD, _OLD_HEAD):
        found = pattern.search(text)
        # Above nothing but a greeting there may be answers below each quote: those stay.
        if found is not None and (text[: found.start()].strip() or not _answers(text, found.end())):
            text = text[: found.start()]
    lines = [line for line in text.split("\n") if not _QUOTE.match(line)]
    text = _without_heads("\n".join(lines))
    blocks = [block for block in _GAP.split(text) if not _is_disclaimer(block)]
    return unwrapped(_without_signature("\n\n".join(blocks))).strip()


def _answers(text: str, at: int) -> bool:
    """Whether something unquoted stands below a quote."""
    lines = [line for line in text[at:].split("\n") if line.strip()]
    return bool(lines) and bool(_QUOTE.match(lines[0])) and not all(map(_QUOTE.match, lines))


def _without_heads(text: str) -> str:
    """What stands before the first head of a quoted mail that mail-parser-reply finds."""
    head = text[:_MOST_CHARS]
    if any(len(line) > _MOST_LINE for line in head.split("\n")):
        return text
    replies = _parser().read(head).replies
    if len(replies) > 1 and replies[0].content.strip() and not replies[0].headers:
        at = len(replies[0].content.rstrip())
        first = replies[1].headers
        cut = head.find(first.split("\n")[0], max(0, at - 200)) if first else -1
        return text[:cut] if cut > 0 else text
    return text


@cache
def _parser():  # type: ignore[no-untyped-def]  # the library has no types
    from mailparser_reply import EmailReplyParser

    return EmailReplyParser(languages=_LANGUAGES)


def _without_signature(text: str) -> str:
    found = _SIGNATURE.search(text)
    if found is not None and text.count("\n", found.end()) <= 3 * _MOST_SIGNATURE_LINES:
        text = text[: found.start()]
    text = _SENT_FROM.sub("", text).rstrip()
    lines = text.split("\n")
    closing = max((at for at, line in enumerate(lines) if _CLOSING.match(line)), default=None)
    if closing is not None and len(lines) - closing <= 2 * _MOST_SIGNATURE_LINES:
        below = [at for at in range(closing + 1, len(lines)) if lines[at].strip()]
        end = closing
        if below and _NAME.fullmatch(lines[below[0]]) and not _CONTACT.search(lines[below[0]]):
            end = below[0]
        rest = [lines[at] for at in below if at > end]
        if len(rest) <= _MOST_SIGNATURE_LINES and not _is_prose(rest):
            return "\n".join(lines[: end + 1])
    return "\n".join(_without_contacts(lines))


def _without_contacts(lines: list[str]) -> list[str]:
    """Lines without a last block that says how to reach somebody."""
    start = len(lines)
    while start and lines[start - 1].strip():
        start -= 1
    block = lines[start:]
    contacts = sum(bool(_CONTACT.search(line)) for line in block)
    if start and contacts and len(block) <= _MOST_SIGNATURE_LINES and not _is_prose(block):
        return lines[:start]
    return lines


def _is_prose(lines: list[str]) -> bool:
    """Whether lines hold sentences rather than a name, a title, numbers."""
    for line in lines:
        words = sum(map(str.isalpha, line.split()))
        if words > 7 or (words > 3 and line.rstrip().endswith((".", "?", "!"))):
            return True
    return False


def _is_disclaimer(block: str) -> bool:
    return bool(_DISCLAIMER.search(block)) and bool(_OF_MAIL.search(block)) and len(block) > 120
