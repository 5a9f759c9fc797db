"""Published hashes and their passwords, each with where it was published. Secrets of nobody."""

from base64 import b64encode
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Vector:
    """``format`` is what it is read as, ``named`` what its row must say, if anything."""

    source: str
    format: str
    password: str
    text: str
    named: str | None = None
    pepper: bytes | None = None

    def __str__(self) -> str:
        return f"{self.format}: {self.source}"


def _django(prf: str, iterations: int, salt: str, digest: str) -> str:
    return f"pbkdf2_{prf}${iterations}${salt}${b64encode(bytes.fromhex(digest)).decode()}"


def _scrypt(n: int, salt: str, r: int, p: int, digest: str) -> str:
    return f"scrypt${n}${salt}${r}${p}${b64encode(bytes.fromhex(digest)).decode()}"


# dotnet/aspnetcore, src/Identity/test/Identity.Test/PasswordHasherTest.cs: HashPassword_*, VerifyHashedPassword_*
_ASPNET = "dotnet/aspnetcore, PasswordHasherTest.cs"
ASPNET = [
    Vector(source=f"{_ASPNET}: {what}", format=code, password="my password", text=text)
    for what, code, text in [
        ("version 2", "aspnet_v2", "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg=="),
        ("version 2, random salt", "aspnet_v2", "ANXrDknc7fGPpigibZXXZFMX4aoqz44JveK6jQuwY3eH/UyPhvr5xTPeGYEckLxz9A=="),
        ("SHA-1, 250, 16, 16", "aspnet_v3", "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M"),
        ("SHA-512, 50, 16, 16", "aspnet_v3", "AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4B6pZWND6zgESBuWiHw"),
        (
            "SHA-512, 250, 32, 64",
            "aspnet_v3",
            (
                "AQAAAAIAAAD6AAAAIJbVi5wbMR+htSfFp8fTw8N8GOS/Sje+S/4YZcgBfU7EQuqv4OkVYmc4VJl9AGZzmRTxSkP7LtVi9IWyUxX8"
                "IAAfZ8v+ZfhjCcudtC1YERSqE1OEdXLW9VukPuJWBBjLuw=="
            ),
        ),
        (
            "SHA-256, 250000, 32, 32",
            "aspnet_v3",
            "AQAAAAEAA9CQAAAAIESkQuj2Du8Y+kbc5lcN/W/3NiAZFEm11P27nrSN5/tId+bR1SwV8CO1Jd72r4C08OLvplNlCDc3oQZ8efcW+jQ=",
        ),
        (
            # NuGet's V3Hasher writes the same.
            "SHA-256, 10000, 16, 32: before .NET 7",
            "aspnet_v3",
            "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
        ),
        (
            "SHA-512, 10000, 16, 32",
            "aspnet_v3",
            "AQAAAAIAACcQAAAAEAABAgMEBQYHCAkKCwwNDg9B0Oxwty+PGIDSp95gcCfzeDvA4sGapUIUov8usXfD6A==",
        ),
        (
            "SHA-512, 100000, 16, 32: since .NET 7",
            "aspnet_v3",
            "AQAAAAIAAYagAAAAEAABAgMEBQYHCAkKCwwNDg/Q8A0WMKbtHQJQ2DHCdoEeeFBrgNlldq6vH4qX/CGqGQ==",
        ),
    ]
]

# NuGetGallery publishes how it hashes (LegacyHasher.cs, before that CryptographyService.cs: base64 of the salt and the
# SHA-1 of salt and UTF-16LE password) and no hash. So: the two-block message of FIPS 180 (NIST, SHA-1 examples), whose
# first 16 bytes are the salt, and the other 40, read as UTF-16LE, the password.
_FIPS_MESSAGE = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
_FIPS_DIGEST = bytes.fromhex("84983e441c3bd26ebaae4aa1f95129e5e54670f1")
NUGET_SHA1 = [
    Vector(
        source="FIPS 180-4, SHA-1 of two blocks",
        format="nuget_sha1",
        named="nuget-sha1",
        password=_FIPS_MESSAGE[16:].decode("utf-16-le"),
        text=b64encode(_FIPS_MESSAGE[:16] + _FIPS_DIGEST).decode(),
    )
]

PBKDF2 = [
    *(
        Vector(
            source=f"RFC 6070, {n}", format="pbkdf2_django", password="password", text=_django("sha1", n, "salt", hex)
        )
        for n, hex in [
            (1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
            (2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
            (4096, "4b007901b765489abead49d926f721d065a429c1"),
        ]
    ),
    Vector(
        source="django/django, tests/auth_tests/test_hashers.py: test_pbkdf2",
        format="pbkdf2_django",
        password="lètmein",
        text="pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=",
    ),
    Vector(
        source="django/django, tests/auth_tests/test_hashers.py: test_low_level_pbkdf2_sha1",
        format="pbkdf2_django",
        password="lètmein",
        text="pbkdf2_sha1$390000$seasalt2$aDapRanzW8aHTz97v2TcfHzWD+I=",
    ),
    Vector(
        source="djangohashers, tests: Django 1.9",
        format="pbkdf2_django",
        password="ExjGmyUT73bFoT",
        text="pbkdf2_sha256$24000$KQ8zeK6wKRuR$cmhbSt1XVKuO4FGd9+AX8qSBD4Z0395nZatXTJpEtTY=",
    ),
    *(
        Vector(source="passlib, test_handlers_pbkdf2.py", format="pbkdf2_passlib", password=password, text=text)
        for password, text in [
            ("password", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI"),
            ("Ιωαννης", "$pbkdf2$1212$THDqatpidANpadlLeTeOEg$HV3oi1k5C5LQCgG1BMOL.BX4YZc"),
            ("password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"),
            ("Ιωαννης", "$pbkdf2-sha256$1212$3SABFJGDtyhrQMVt1uABPw$WyaUoqCLgvz97s523nF4iuOqZNbp5Nt8do/cuaa7AiI"),
            (
                "password",
                (
                    "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa1"
                    "7k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww"
                ),
            ),
            (
                "Ιωαννης",
                (
                    "$pbkdf2-sha512$1212$KkbvoKGsAIcF8IslDR6skQ$8be/PRmd88Ps8fmPowCJt"
                    "tH9G3vgxpG.Krjt3KT.NP6cKJ0V4Prarqf.HBwz0dCkJ6xgWnSj2ynXSV7MlvMa8Q"
                ),
            ),
        ]
    ),
]

_OPENWALL = "Openwall, crypt_blowfish, wrapper.c"
BCRYPT = [
    Vector(source=source, format="bcrypt", password=password, text=text)
    for source, password, text in [
        (_OPENWALL, "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        (_OPENWALL, "U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
        (_OPENWALL, "U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
        (_OPENWALL, "", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"),
        (
            _OPENWALL,
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
            "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
        ),
        ("passlib, test_handlers_bcrypt.py", "ё", "$2y$05$6bNw2HLQYeqHYyBfLMsv/OUcZd0LKP39b87nBw3.S2tVZSqiQX6eu"),
        ("pyca/bcrypt", "Kk4DQuMMfZL9o", "$2b$04$cVWp4XaNU8a4v1uMRum2SO026BWLIoQMD/TXg5uZV.0P.uO8m3YEm"),
        ("pyca/bcrypt", "Tg4daC27epFBE", "$2b$04$ahiTdwRXpUG2JLRcIznxc.s1.ydaPGD372bsGs8NqyYjLY1inG5n2"),
        (
            "djangohashers, tests: Django's bcrypt",
            "ExjGmyUT73bFoT",
            "bcrypt$$2b$12$LZSJchsWG/DrBy1erNs4ee31eJ7DaWiuwhDOC7aqIyqGGggfu6Y/.",
        ),
    ]
]
BCRYPT_SHA256 = [
    Vector(
        source="djangohashers, tests: Django's bcrypt_sha256",
        format="bcrypt_sha256_django",
        password="ExjGmyUT73bFoT",
        text="bcrypt_sha256$$2b$12$LZSJchsWG/DrBy1erNs4eeYo6tZNlLFQmONdxN9HPesa1EyXVcTXK",
    )
]

# heartcombo/devise, lib/devise/encryptor.rb: bcrypt of "#{password}#{pepper}". So: Openwall's, cut in two.
DEVISE = [
    Vector(
        source=f"{_OPENWALL}, {what}",
        format="bcrypt_devise",
        named="devise-bcrypt",
        password=password,
        pepper=pepper,
        text="$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a",
    )
    for what, password, pepper in [("without a pepper", "U*U*U", None), ("with one", "U*U", b"*U")]
]

_RFC_7914 = "RFC 7914, section 12"
SCRYPT = [
    Vector(source=source, format=code, password=password, text=text)
    for source, code, password, text in [
        (
            _RFC_7914,
            "scrypt_django",
            "password",
            _scrypt(
                1024,
                "NaCl",
                8,
                16,
                (
                    "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                    "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
                ),
            ),
        ),
        (
            _RFC_7914,
            "scrypt_django",
            "pleaseletmein",
            _scrypt(
                16384,
                "SodiumChloride",
                8,
                1,
                (
                    "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
                    "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
                ),
            ),
        ),
        (
            "django/django, tests/auth_tests/test_hashers.py: test_scrypt",
            "scrypt_django",
            "lètmein",
            "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==",
        ),
        *(
            ("passlib, test_handlers_scrypt.py", "scrypt_passlib", password, text)
            for password, text in [
                ("", "$scrypt$ln=4,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI"),
                ("password", "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI"),
                ("test", "$scrypt$ln=8,r=8,p=1$wlhLyXmP8b53bm1NKYVQqg$mTpvG8lzuuDk+DWz8HZIB6Vum6erDuUm0As5yU+VxWA"),
                ("password", "$scrypt$ln=8,r=2,p=1$dO6d0xoDoLT2PofQGoNQag$g/Wf2A0vhHhaJM+addK61QPBthSmYB6uVTtQzh8CM3o"),
                ("táБℓə", "$scrypt$ln=7,r=8,p=1$jjGmtDamdA4BQAjBeA9BSA$OiWRHhQtpDx7M/793x6UXK14AD512jg/qNm/hkWZG4M"),
                ("nacl", "$scrypt$ln=1,r=4,p=2$yhnD+J+Tci4lZCwFgHCuVQ$fAsEWmxSHuC0cHKMwKVFPzrQukgvK09Sj+NueTSxKds"),
            ]
        ),
    ]
]

# The vectors of RFC 9106 have a secret and associated data, for which the string has no place; the reference code's do.
_REFERENCE = "P-H-C/phc-winner-argon2, src/test.c"
_CFFI = "hynek/argon2-cffi, tests/test_low_level.py, of the reference code's program"
ARGON2 = [
    Vector(source=source, format=code, password=password, text=text)
    for source, code, password, text in [
        (
            f"{_REFERENCE}, version 16",
            "argon2i",
            "password",
            "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY",
        ),
        (
            f"{_REFERENCE}, version 16, two lanes",
            "argon2i",
            "password",
            "$argon2i$m=256,t=2,p=2$c29tZXNhbHQ$tsEVYKap1h6scGt5ovl9aLRGOqOth+AMB+KwHpDFZPs",
        ),
        (
            _REFERENCE,
            "argon2i",
            "password",
            "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
        ),
        (
            f"{_REFERENCE}, two lanes",
            "argon2i",
            "password",
            "$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E",
        ),
        (
            _REFERENCE,
            "argon2i",
            "differentpassword",
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$FK6NoBr+qHAMI1jc73xTWNkCEoK9iGY6RWL1n7dNIu4",
        ),
        (
            _CFFI,
            "argon2d",
            "password",
            "$argon2d$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$cZn5d+rFh+ZfuRhm2iGUGgcrW5YLeM6q7L3vBsdmFA0",
        ),
        (
            _CFFI,
            "argon2id",
            "password",
            "$argon2id$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo",
        ),
        (
            "passlib, test_handlers_argon2.py",
            "argon2i",
            "táБℓə",
            "$argon2i$v=19$m=512,t=2,p=2$1sV0O4PWLtc12Ypv1f7oGw$z+yqzlKtrq3SaNfXDfIDnQ",
        ),
        (
            "django/django, tests/auth_tests/test_hashers.py: test_argon2, without a version",
            "argon2i",
            "secret",
            (
                "argon2$argon2i$m=8,t=1,p=1$c29tZXNhbHQ$gwQOXSNhxiOxPOA0+PY10P9QFO4NAYysnqRt1GSQLE55m+2GYDt9FEjPMHhP2Cuf0n"
                "OEXXMocVrsJAtNSsKyfg"
            ),
        ),
        (
            "django/django, tests/auth_tests/test_hashers.py: test_argon2",
            "argon2i",
            "secret",
            "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",
        ),
        (
            "django/django, tests/auth_tests/test_hashers.py: test_argon2_version_upgrade",
            "argon2id",
            "secret",
            "argon2$argon2id$v=19$m=102400,t=2,p=8$Y041dExhNkljRUUy$TMa6A8fPJhCAUXRhJXCXdw",
        ),
    ]
]

ALL = [*ASPNET, *NUGET_SHA1, *PBKDF2, *BCRYPT, *BCRYPT_SHA256, *DEVISE, *SCRYPT, *ARGON2]


def of(format_code: str) -> Vector:
    """Return a vector of the format that costs little."""
    return next(vector for vector in ALL if vector.format == format_code)


def aspnet_v3(prf: int, iterations: int, salt_size: int, subkey: int, *, salt: int | None = None) -> str:
    """Return a hash of ASP.NET Identity's third version, of zeros."""
    header = b"\1" + b"".join(number.to_bytes(4) for number in (prf, iterations, salt_size))
    return b64encode(header + bytes(salt_size if salt is None else salt) + bytes(subkey)).decode()
