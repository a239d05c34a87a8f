#ifndef TILL_SANDBOX_WIRE_H
#define TILL_SANDBOX_WIRE_H

/* A relay of TCP in front of the sandbox's web server, for the faults that FastCGI cannot play: a program behind a web server
 * never touches the client's connection. It passes bytes both ways, tells the application how often a connection was used
 * (Sandbox-Connection-Requests), and does to the client what the answer's header Sandbox-Wire says: reset, close,
 * truncate=BYTES, trickle=MILLISECONDS between bytes, hang=MILLISECONDS. */
struct wire;

/* Listens and starts; NULL with a line on stderr when it cannot. */
struct wire *wire_start(const char *listen, const char *upstream);
void wire_stop(struct wire *wire);

#endif
