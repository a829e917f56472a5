"""Makes the context in which the device speaks TLS: the broker is always verified, and it shows itself.

All files are DER. There are two slots for authorities, so that the next one can be put there before
the broker changes over. Nothing turns the verification off.
"""

import ssl


class TlsWrong(Exception):
    """The certificates cannot be used; the message is one line and names the file."""


def _read(path, what):
    try:
        with open(path, "rb") as file:
            data = file.read(4096)
    except OSError:
        raise TlsWrong("reading %s %s: it is not there; write it with mpremote" % (what, path))
    if not data or data[0] != 0x30:
        raise TlsWrong("reading %s %s: it is no DER" % (what, path))
    return data


def context(cfg):
    """Return the context for the broker of `cfg` (ca_a, ca_b, cert, key: paths of DER files).

    One of ca_a and ca_b may be missing or broken; the other is gone by then.

    Raises:
        TlsWrong: neither authority can be used, or the certificate or its key cannot.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_mode = ssl.CERT_REQUIRED
    why = ""
    count = 0
    for name in ("ca_a", "ca_b"):
        path = cfg.get(name)
        if not path:
            continue
        try:
            made.load_verify_locations(cadata=_read(path, "the authority"))
            count += 1
        except TlsWrong as error:
            why = str(error)
        except (OSError, ValueError):
            why = "reading the authority %s: it is no certificate" % path
    if not count:
        raise TlsWrong(why or "reading the authorities: neither ca_a nor ca_b is given")
    cert = _read(cfg["cert"], "the certificate")
    key = _read(cfg["key"], "the key")
    try:
        if hasattr(made, "check_hostname"):  # CPython, in tests: it reads a key as PEM only
            made.load_cert_chain(cfg["cert"][:-4] + ".pem", cfg["key"][:-4] + ".pem")
        else:
            made.load_cert_chain(cert, key)
    except (OSError, ValueError):
        raise TlsWrong("reading the certificate %s: it and its key do not fit" % cfg["cert"])
    return made
