"""What is not quite a hash is refused, with a code that says why."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrations.accounts.hashes.formats import NAMED, UnknownHash, parse
from tests.migrations.hashes import vectors
from tests.migrations.hashes.vectors import ALL


def code_of(text: str, named: str | None = None) -> str:
    with pytest.raises(UnknownHash) as refusal:
        parse(text, named)
    return refusal.value.code


_V2 = vectors.of("aspnet_v2").text
_BCRYPT = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
_DIGEST = "8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c="
_BARE = "bJcLia1lyfQ1X2x0xflehwVXPzWIUQWWdnlGwfVzBeQ"


@pytest.mark.parametrize(
    "text, code",
    [
        ("", "unknown"),
        ("password", "unknown"),
        ("A" * 2049, "malformed"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "unknown"),
        (vectors.NUGET_SHA1[0].text, "unknown"),  # it does not say what it is
        # dotnet/aspnetcore, PasswordHasherTest.cs: VerifyHashedPassword_FailureCases
        ("AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggE=", "truncated"),
        ("AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJgAAAAAAAAAAAAA=", "malformed"),
        ("AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4A=", "truncated"),
        ("AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHwAAAAAAAAAAAA", "truncated"),
        ("AQ==", "truncated"),
        ("AA==", "truncated"),
        (vectors.aspnet_v3(3, 1000, 16, 32), "malformed"),
        (vectors.aspnet_v3(2**32 - 1, 1000, 16, 32), "malformed"),
        (vectors.aspnet_v3(1, 0, 16, 32), "malformed"),
        (vectors.aspnet_v3(1, 1000, 15, 32), "malformed"),
        (vectors.aspnet_v3(1, 1000, 0, 32), "malformed"),
        (vectors.aspnet_v3(1, 1000, 2**32 - 1, 32, salt=16), "truncated"),
        (vectors.aspnet_v3(1, 1000, 16, 0), "truncated"),
        (vectors.aspnet_v3(1, 1000, 16, 15), "truncated"),
        (vectors.aspnet_v3(1, 1000, 16, 31), "truncated"),
        (vectors.aspnet_v3(1, 10_000, 16, 16), "truncated"),
        (vectors.aspnet_v3(2, 100_000, 16, 31), "truncated"),
        (vectors.aspnet_v3(1, 10_000, 16, 33), "malformed"),
        (vectors.aspnet_v3(1, 1000, 16, 65), "malformed"),
        (vectors.aspnet_v3(1, 10_000_001, 16, 32), "too_costly"),
        (vectors.aspnet_v3(0, 5_000_001, 16, 32), "too_costly"),  # two blocks of SHA-1
        (vectors.aspnet_v3(1, 2**31, 16, 32), "too_costly"),
        (_V2.replace("+", "-"), "unknown"),
        (_V2[:-1], "unknown"),
        (_V2[:-3] + "h==", "unknown"),  # bits that no byte uses
        # Django
        (f"pbkdf2_sha256$0$seasalt${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$-24000$seasalt${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$+24000$seasalt${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$024000$seasalt${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$24_000$seasalt${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$२४०००$seasalt${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$NaN$seasalt${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$$seasalt${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$10000001$seasalt${_DIGEST}", "too_costly"),
        (f"pbkdf2_sha256$9999999999$seasalt${_DIGEST}", "too_costly"),
        (f"pbkdf2_sha256${'9' * 400}$seasalt${_DIGEST}", "malformed"),
        ("pbkdf2_sha1$16777216$salt$7v49Yc1NpOTplFs9a6IVjCY06YQ=", "too_costly"),  # RFC 6070, the fourth
        (f"pbkdf2_sha256$24000$${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$24000$sea salt${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$24000$séasalt${_DIGEST}", "malformed"),
        (f"pbkdf2_sha256$24000${'s' * 129}${_DIGEST}", "malformed"),
        ("pbkdf2_sha256$24000$seasalt$", "malformed"),
        ("pbkdf2_sha256$24000$seasalt$8xBlGd3j", "truncated"),
        (f"pbkdf2_sha256$24000$seasalt${_DIGEST[:-1]}", "malformed"),
        (f"pbkdf2_sha256$24000$seasalt${_DIGEST[:-2]}d=", "malformed"),
        (f"pbkdf2_sha1$24000$seasalt${_DIGEST}", "malformed"),  # the digest of another
        (f"pbkdf2_sha512$24000$seasalt${_DIGEST}", "unknown"),
        # passlib, test_handlers_pbkdf2.py: known_malformed_hashes
        ("$pbkdf2$01212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc", "malformed"),
        ("$pbkdf2$$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc", "malformed"),
        ("$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc$", "malformed"),
        ("$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL+BX4YZc", "malformed"),
        ("$pbkdf2$1212$THDqatpidANpadlLeTeOEg==$HV3oi1k5C5LQCgG1BMOL.BX4YZc", "malformed"),
        ("$pbkdf2$1212$THDqatpidANpadlLeTeOEh$HV3oi1k5C5LQCgG1BMOL.BX4YZc", "malformed"),
        ("$pbkdf2$99999999$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc", "too_costly"),
        ("$pbkdf2-md5$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc", "unsupported"),
        # bcrypt
        (_BCRYPT[:-1], "truncated"),
        ("$2b$12$", "truncated"),
        (_BCRYPT + "W", "malformed"),
        (_BCRYPT[:-1] + "X", "malformed"),  # bits that no byte uses, of the digest
        (_BCRYPT.replace(".E5", "/E5"), "malformed"),  # and of the salt
        (_BCRYPT.replace("$05$", "$5$0"), "malformed"),
        (_BCRYPT.replace("$05$", "$٠٥$"), "malformed"),
        (_BCRYPT.replace("$05$", "$-5$"), "malformed"),
        (_BCRYPT.replace("$05$", "$03$"), "malformed"),
        (_BCRYPT.replace("$05$", "$32$"), "malformed"),
        (_BCRYPT.replace("$05$", "$17$"), "too_costly"),
        (_BCRYPT.replace("$05$", "$31$"), "too_costly"),
        (_BCRYPT.replace("$2a$", "$2x$"), "unsupported"),
        (_BCRYPT.replace("$2a$", "$2$"), "unsupported"),
        (_BCRYPT.replace("$2a$", "$2c$"), "unknown"),
        ("bcrypt$" + _BCRYPT.replace("$2a$", "$2x$"), "malformed"),
        ("bcrypt$", "truncated"),
        ("bcrypt_sha256$" + _BCRYPT[1:], "truncated"),
        # passlib, test_handlers_scrypt.py: known_malformed_hashes
        (f"$scrypt$ln=10,r=1$wvif8/4fg1Cq9V7L2dv73w${_BARE}", "malformed"),
        (f"$scrypt$ln=0,r=1,p=1$wvif8/4fg1Cq9V7L2dv73w${_BARE}", "malformed"),
        (f"$scrypt$ln=10,r=A,p=1$wvif8/4fg1Cq9V7L2dv73w${_BARE}", "malformed"),
        (f"$scrypt$ln=10,r=134217728,p=8$wvif8/4fg1Cq9V7L2dv73w${_BARE}", "too_costly"),
        (f"$scrypt$ln=60,r=1,p=1$wvif8/4fg1Cq9V7L2dv73w${_BARE}", "malformed"),
        (f"$scrypt$ln=59,r=8,p=1$wvif8/4fg1Cq9V7L2dv73w${_BARE}", "too_costly"),
        (f"$scrypt$ln=16,r=1,p=1$wvif8/4fg1Cq9V7L2dv73w${_BARE}", "malformed"),  # N < 2^(128 r / 8)
        (f"$scrypt$ln=19,r=8,p=1$wvif8/4fg1Cq9V7L2dv73w${_BARE}", "too_costly"),
        (f"$scrypt$ln=10,r=8,p=1025$wvif8/4fg1Cq9V7L2dv73w${_BARE}", "too_costly"),
        (f"$scrypt$ln=4,r=1,p=9999999999$wvif8/4fg1Cq9V7L2dv73w${_BARE}", "too_costly"),
        (f"$scrypt$ln=10,r=8,p=1$wvif8/4fg1Cq9V7L2dv73w${_BARE[:-3]}", "truncated"),
        (f"$scrypt$ln=10,r=8,p=1$wvif8/4fg1Cq9V7L2dv73w${_BARE}$", "malformed"),
        (f"scrypt$1000$salt$8$1${_DIGEST}", "truncated"),
        (f"scrypt$1000$salt$8$1${'A' * 86}==", "malformed"),  # not a power of two
        (f"scrypt$1$salt$8$1${'A' * 86}==", "malformed"),
        (f"scrypt$16384$salt$8$0${'A' * 86}==", "malformed"),
        (f"scrypt$salt$16384$8$1${'A' * 86}==", "malformed"),
        # The last of RFC 7914: 1 GiB.
        (f"scrypt$1048576$SodiumChloride$8$1${'A' * 86}==", "too_costly"),
        # passlib, test_handlers_argon2.py: known_malformed_hashes
        (f"$argon2i$v=19$t=2,p=4$c29tZXNhbHQAAAAAAAAAAA${_BARE}", "malformed"),
        (f"$argon2i$v=19$m=65536,t=8589934592,p=4$c29tZXNhbHQAAAAAAAAAAA${_BARE}", "too_costly"),
        (f"$argon2i$v=19$m=65536,t=2,p=4,q=5$c29tZXNhbHQAAAAAAAAAAA${_BARE}", "malformed"),
        (f"$argon2i$v=19$t=2,m=65536,p=4,q=5$c29tZXNhbHQAAAAAAAAAAA${_BARE}", "malformed"),
        (f"$argon2i$v=19$m=127,t=2,p=16$c29tZXNhbHQ${_BARE}", "malformed"),
        (f"$argon2id$v=19$m=65536,t=2,p=4,data=c29tZWRhdGE$c29tZXNhbHQ${_BARE}", "malformed"),
        (f"$argon2id$v=18$m=65536,t=2,p=4$c29tZXNhbHQ${_BARE}", "malformed"),
        (f"$argon2id$v=19$m=65536,t=0,p=4$c29tZXNhbHQ${_BARE}", "malformed"),
        (f"$argon2id$v=19$m=65536,t=2,p=0$c29tZXNhbHQ${_BARE}", "malformed"),
        (f"$argon2id$v=19$m=1048577,t=1,p=1$c29tZXNhbHQ${_BARE}", "too_costly"),
        (f"$argon2id$v=19$m=1048576,t=5,p=1$c29tZXNhbHQ${_BARE}", "too_costly"),
        (f"$argon2id$v=19$m=65536,t=1,p=65$c29tZXNhbHQ${_BARE}", "too_costly"),
        (f"$argon2id$v=19$m=65536,t=1,p=1$c2FsdA${_BARE}", "malformed"),
        ("$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$AJFIsNZTMKTAewB4", "truncated"),
        (f"$argon2x$v=19$m=65536,t=2,p=4$c29tZXNhbHQ${_BARE}", "unknown"),
        (f"argon2$argon2x$v=19$m=65536,t=2,p=4$c29tZXNhbHQ${_BARE}", "malformed"),
        # Known, and not taken
        ("$1$abcdefgh$irWbblnpmw.5z7wgBnprh0", "unsupported"),
        ("$6$rounds=5000$salt$hash", "unsupported"),
        ("sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8", "unsupported"),
        ("md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3", "unsupported"),
        ("!", "unsupported"),
        ("{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "unsupported"),
        ("$7$C6..../....SodiumChloride$kBGj9fHznVYFQMEn/qDCfrDevf9YDtcDdKvEqHJLV8D", "unsupported"),
    ],
)
def test_what_is_not_exactly_a_hash_is_refused_with_a_code(text: str, code: str) -> None:
    assert code_of(text) == code


@pytest.mark.parametrize(
    "text, named, code",
    [
        (_BCRYPT, "no-such-name", "unknown"),
        (_BCRYPT, "", "unknown"),
        (_BCRYPT, "aspnet-identity", "malformed"),
        (_V2, "bcrypt", "malformed"),
        (_V2, "nuget-v3", "malformed"),
        (_V2, "nuget-sha1", "malformed"),
        (_V2, "devise-bcrypt", "malformed"),
        ("not base64", "aspnet-identity", "malformed"),
        ("not base64", "nuget-sha1", "malformed"),
        ("bm90IG9mIGl0", "aspnet-identity", "unknown"),
        ("not base64", "bcrypt", "unknown"),
        (vectors.NUGET_SHA1[0].text[:-4], "nuget-sha1", "truncated"),
        (vectors.NUGET_SHA1[0].text + "AAAA", "nuget-sha1", "malformed"),
        (_BCRYPT.replace("$2a$", "$2x$"), "devise-bcrypt", "unsupported"),
        (_BCRYPT[:-1], "devise-bcrypt", "truncated"),
        ("$2", "devise-bcrypt", "truncated"),
    ],
)
def test_a_hash_that_is_not_what_its_row_says_is_refused(text: str, named: str, code: str) -> None:
    assert code_of(text, named) == code


@st.composite
def almost_hashes(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(ALL)).text
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 8)))
    return text[:start] + draw(st.text("$=,.+/0123456789abAB-\n é٣", max_size=8)) + text[end:]


@given(
    st.one_of(st.text(), almost_hashes(), st.binary(max_size=120).map(lambda data: b64encode(data).decode())),
    st.none() | st.sampled_from(sorted(NAMED)),
)
def test_reading_anything_gives_a_hash_or_a_refusal(text: str, named: str | None) -> None:
    try:
        parsed = parse(text, named)
    except UnknownHash as refusal:
        outcome = refusal.code
    else:
        outcome = parsed.format
        assert parsed.digest
        assert named is None or parsed.format in NAMED[named]
    assert outcome in {"unknown", "malformed", "truncated", "too_costly", "unsupported"}.union(*NAMED.values())
