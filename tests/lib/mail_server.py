"""An SMTP server on a loopback port for the tests, which keeps what comes: mail_server.py DIRECTORY [CERTIFICATE KEY].

Prints its port. Each message becomes a file of JSON: who it was from, for whom, and its bytes. With a certificate it asks for
STARTTLS and for the name "till" with the password "pass word". A recipient at refuse.example is refused for good, one at
later.example for now, and one at gone.example makes it close the connection after it has taken the message.
"""

import asyncio
import base64
import json
import os
import ssl
import sys

from aiosmtpd.smtp import AuthResult, SMTP


class Handler:
    def __init__(self, directory):
        self.directory = directory
        self.count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.endswith("@refuse.example"):
            return "550 5.1.1 no such mailbox"
        if address.endswith("@later.example"):
            return "451 4.3.0 come again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        name = os.path.join(self.directory, "%06d" % self.count)
        with open(name + ".new", "w", encoding="ascii") as file:
            json.dump(
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "tls": session.ssl is not None,
                    "user": session.auth_data,
                    "bytes": base64.b64encode(envelope.original_content).decode(),
                },
                file,
            )
        os.rename(name + ".new", name + ".json")
        if envelope.rcpt_tos[0].endswith("@gone.example"):
            server.transport.abort()
        return "250 taken"


def known(server, session, envelope, mechanism, data):
    good = mechanism in ("PLAIN", "LOGIN") and data.login == b"till" and data.password == b"pass word"
    return AuthResult(success=good, auth_data="till" if good else None)


def main():
    directory, certificate = sys.argv[1], sys.argv[2:]
    options = {}
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        options.update(tls_context=context, require_starttls=True, authenticator=known, auth_required=True)
    handler = Handler(directory)
    loop = asyncio.new_event_loop()
    listening = loop.run_until_complete(
        loop.create_server(lambda: SMTP(handler, hostname="mail.test", loop=loop, **options), "127.0.0.1", 0)
    )
    print(listening.sockets[0].getsockname()[1], flush=True)
    loop.run_forever()


main()
