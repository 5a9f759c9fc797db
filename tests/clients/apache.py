"""A private Apache with Debian's mod_auth_openidc: on loopback, on a free port, in a temporary folder."""

import os
import pwd
import secrets
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from shutil import copy

from tests.clients.tls import Authority
from tests.servers import ServerMissing

_PROGRAM = Path("/usr/sbin/apache2")
_MODULES = Path("/usr/lib/apache2/modules")
_START_SECONDS = 30

CONFIGURATION = """
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{folder}/apache.pid"
ErrorLog "{folder}/error.log"
ServerName localhost
Listen 127.0.0.1:{port}
Listen 127.0.0.1:{plain_port}
{modules}

SSLEngine on
SSLCertificateFile "{folder}/localhost.pem"
SSLCertificateKeyFile "{folder}/localhost.key"
DocumentRoot "{folder}/pages"

OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCCABundlePath "{folder}/ca.pem"
OIDCClientID {client_id}
OIDCClientSecret {secret}
OIDCCryptoPassphrase {passphrase}
OIDCRedirectURI https://localhost:{port}/members/return
OIDCScope "openid profile email offline_access"
OIDCPKCEMethod S256
OIDCSSLValidateServer On
OIDCInfoHook access_token id_token refresh_token userinfo

<VirtualHost 127.0.0.1:{plain_port}>
    SSLEngine off
</VirtualHost>

<Location "/members">
    AuthType openid-connect
    Require valid-user
    Header set X-Subject "%{{OIDC_CLAIM_sub}}e"
    Header set X-Email "%{{OIDC_CLAIM_email}}e"
    Header set X-Acr "%{{OIDC_CLAIM_acr}}e"
</Location>
"""


class NotStarted(Exception):
    """Apache did not start; the text is its log."""


@contextmanager
def apache(
    port: int, plain_port: int, *, authority: Authority, issuer: str, client_id: str, secret: str
) -> Iterator[Path]:
    """Serve ``/members`` to people whom ``issuer`` signed in, until left; yield its log.

    It speaks TLS on ``port`` and plain HTTP on ``plain_port``. Raises :class:`NotStarted`: a port may be taken.
    """
    if not (_MODULES / "mod_auth_openidc.so").exists():
        raise ServerMissing("mod_auth_openidc is missing: apt-get install libapache2-mod-auth-openidc")
    with tempfile.TemporaryDirectory(prefix="vestibule-apache-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        pages = folder / "pages"
        (pages / "members").mkdir(parents=True)
        (pages / "members" / "index.html").write_text("for members\n")
        (pages / "goodbye.html").write_text("signed out\n")
        for source in (authority.ca_file, authority.certificate, authority.key):
            copy(source, folder)
        modules = ("mpm_event", "authn_core", "authz_core", "authz_user", "dir", "headers", "ssl", "auth_openidc")
        (folder / "apache.conf").write_text(
            CONFIGURATION.format(
                folder=folder,
                port=port,
                plain_port=plain_port,
                modules="\n".join(f'LoadModule {each}_module "{_MODULES}/mod_{each}.so"' for each in modules),
                issuer=issuer,
                client_id=client_id,
                secret=secret,
                passphrase=secrets.token_hex(16),
            )
        )
        # One process and no other (-X), as nobody special, and not longer than this process lives.
        command = ["setpriv", "--pdeathsig", "KILL", *_unprivileged(folder), "--", str(_PROGRAM), "-X"]
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                [*command, "-f", str(folder / "apache.conf")], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            if not _answers(process, port, authority):
                log = folder / "error.log"
                said = log.read_text() if log.exists() else ""
                raise NotStarted((folder / "output").read_text() + said)
            yield folder / "error.log"
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _unprivileged(folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam("www-data")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.pw_uid, account.pw_gid)
    return ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]


def _answers(process: subprocess.Popen[bytes], port: int, authority: Authority) -> bool:
    context = ssl.create_default_context(cafile=authority.ca_file)
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPSConnection("localhost", port, timeout=5, context=context)
        try:
            connection.request("GET", "/goodbye.html")
            return connection.getresponse().read() == b"signed out\n"
        except (OSError, HTTPException):
            time.sleep(0.02)
        finally:
            connection.close()
    return False
