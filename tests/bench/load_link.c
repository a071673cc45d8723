/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection to one milter: packets of the milter protocol, version 6, written through a
 * buffer of the size that Postfix has, so that the milter sees its bytes arrive in the same
 * pieces; the negotiation; and the macros that Postfix sends unless the milter asks for others.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define LINK_VERSION 6
#define LINK_ACTIONS 0x1ffU  /* what Postfix offers: every edit */
#define LINK_STEPS 0x1fffffU /* and every step */
#define LINK_WRITE 4096      /* Postfix's VSTREAM_BUFSIZE */
#define LINK_PACKET_MAX (1U << 20)

/* Postfix's milter_*_macros */
static const char *const link_default_macros[SMFIM_LAST + 1] = {
    [SMFIM_CONNECT] = "j {daemon_name} {daemon_addr} v _",
    [SMFIM_HELO] = "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    [SMFIM_ENVFROM] =
	"i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
    [SMFIM_ENVRCPT] = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
    [SMFIM_DATA] = "i",
    [SMFIM_EOM] = "i",
    [SMFIM_EOH] = "i",
};

static void buffer_reserve(struct buffer *buffer, size_t length)
{
	if (buffer->start == buffer->end)
		buffer->start = buffer->end = 0;
	if (buffer->end + length > buffer->capacity) {
		buffer->capacity = (buffer->end + length) * 2;
		buffer->bytes = load_resize(buffer->bytes, buffer->capacity);
	}
}

void endpoint_parse(struct endpoint *endpoint, const char *text)
{
	const char *rest = strchr(text, ':'), *host;
	char *after;
	unsigned long port;

	memset(endpoint, 0, sizeof(*endpoint));
	if (!rest)
		load_die("'%s' is not unix:PATH, inet:PORT@HOST or inet6:PORT@HOST", text);
	rest++;
	if (strncmp(text, "unix:", 5) == 0 || strncmp(text, "local:", 6) == 0) {
		struct sockaddr_un *local = &endpoint->address.local;

		if (strlen(rest) >= sizeof(local->sun_path))
			load_die("%s: the path is too long", text);
		local->sun_family = AF_UNIX;
		memcpy(local->sun_path, rest, strlen(rest) + 1);
		endpoint->length = sizeof(*local);
		return;
	}
	port = strtoul(rest, &after, 10);
	host = *after == '@' ? after + 1 : NULL;
	if (!host || port == 0 || port > 65535)
		load_die("'%s' is not inet:PORT@HOST or inet6:PORT@HOST", text);
	if (strncmp(text, "inet:", 5) == 0 &&
	    inet_pton(AF_INET, host, &endpoint->address.inet.sin_addr) == 1) {
		endpoint->address.inet.sin_family = AF_INET;
		endpoint->address.inet.sin_port = htons((uint16_t)port);
		endpoint->length = sizeof(endpoint->address.inet);
	} else if (strncmp(text, "inet6:", 6) == 0 &&
		   inet_pton(AF_INET6, host, &endpoint->address.inet6.sin6_addr) == 1) {
		endpoint->address.inet6.sin6_family = AF_INET6;
		endpoint->address.inet6.sin6_port = htons((uint16_t)port);
		endpoint->length = sizeof(endpoint->address.inet6);
	} else {
		load_die("%s: the host is not an address", text);
	}
}

static void link_watch(struct link *link, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = link};

	if (epoll_ctl(link->poll, operation, link->fd, &event) < 0)
		load_die("epoll_ctl: %s", strerror(errno));
}

int link_open(struct link *link, const struct endpoint *endpoint, int poll)
{
	int family = endpoint->address.any.sa_family, on = 1;

	link->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (link->fd < 0)
		load_die("socket: %s", strerror(errno));
	if (family != AF_UNIX)
		setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(link->fd, &endpoint->address.any, endpoint->length) < 0 &&
	    errno != EINPROGRESS) {
		int reason = errno;

		close(link->fd);
		link->fd = -1;
		errno = reason;
		return reason == EAGAIN ? 0 : -1;
	}
	link->poll = poll;
	link->broken = link->blocked = link->negotiated = false;
	link->session_done = link->message_done = false;
	link->in.start = link->in.end = link->out.start = link->out.end = 0;
	link_watch(link, EPOLL_CTL_ADD, EPOLLIN);
	return 1;
}

void link_close(struct link *link)
{
	if (link->fd < 0)
		return;
	close(link->fd);
	link->fd = -1;
	link->in.start = link->in.end = 0;
	for (size_t i = 0; i <= SMFIM_LAST; i++) {
		free(link->macros[i]);
		link->macros[i] = NULL;
	}
}

void link_free(struct link *link)
{
	link_close(link);
	free(link->in.bytes);
	free(link->out.bytes);
}

/* Writes pieces of at most LINK_WRITE bytes until no more than `left` bytes are queued. */
static void link_write(struct link *link, size_t left)
{
	struct buffer *out = &link->out;
	bool was_blocked = link->blocked;

	link->blocked = false;
	while (!link->broken && !link->blocked && out->end - out->start > left) {
		size_t length = out->end - out->start;
		ssize_t sent = send(link->fd, out->bytes + out->start,
				    length < LINK_WRITE ? length : LINK_WRITE, MSG_NOSIGNAL);

		if (sent > 0)
			out->start += (size_t)sent;
		else if (sent < 0 && errno == EAGAIN)
			link->blocked = true;
		else if (sent < 0 && errno != EINTR)
			link->broken = true;
	}
	if (link->blocked != was_blocked)
		link_watch(link, EPOLL_CTL_MOD, link->blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void link_begin(struct link *link, char command)
{
	buffer_reserve(&link->out, 5);
	link->packet = link->out.end;
	link->out.end += 4;
	link->out.bytes[link->out.end++] = command;
}

void link_add(struct link *link, const void *bytes, size_t length)
{
	buffer_reserve(&link->out, length);
	memcpy(link->out.bytes + link->out.end, bytes, length);
	link->out.end += length;
}

void link_add_text(struct link *link, const char *text)
{
	link_add(link, text, strlen(text) + 1);
}

void link_end(struct link *link)
{
	uint32_t length = htonl((uint32_t)(link->out.end - link->packet - 4));

	memcpy(link->out.bytes + link->packet, &length, 4);
	if (!link->blocked && link->out.end - link->out.start >= LINK_WRITE)
		link_write(link, LINK_WRITE - 1);
}

void link_flush(struct link *link)
{
	link_write(link, 0);
}

void link_macros(struct link *link, int stage, char command, link_macro_fn *find,
		 const void *context)
{
	const char *at = link->macros[stage] ? link->macros[stage] : link_default_macros[stage];

	link_begin(link, SMFIC_MACRO);
	link_add(link, &command, 1);
	for (;;) {
		char name[64];
		const char *value;
		size_t length;

		at += strspn(at, " ,\t");
		length = strcspn(at, " ,\t");
		if (length == 0)
			break;
		if (length < sizeof(name)) {
			memcpy(name, at, length);
			name[length] = '\0';
			value = find(context, name);
			if (value) {
				link_add_text(link, name);
				link_add_text(link, value);
			}
		}
		at += length;
	}
	link_end(link);
}

void link_offer(struct link *link)
{
	uint32_t offer[3] = {htonl(LINK_VERSION), htonl(LINK_ACTIONS), htonl(LINK_STEPS)};

	link_begin(link, SMFIC_OPTNEG);
	link_add(link, offer, sizeof(offer));
	link_end(link);
}

static uint32_t link_number(const char *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, 4);
	return ntohl(number);
}

bool link_accept_choice(struct link *link, const char *bytes, size_t length)
{
	const char *end = bytes + length;

	if (length < 12 || link_number(bytes) < 2 || link_number(bytes) > LINK_VERSION ||
	    link_number(bytes + 4) & ~LINK_ACTIONS || link_number(bytes + 8) & ~LINK_STEPS)
		return false;
	link->steps = link_number(bytes + 8);
	/* Then lists of macros: the stage's number, their names, a NUL. */
	for (bytes += 12; bytes < end; bytes += strlen(bytes) + 1) {
		uint32_t stage;

		if (end - bytes < 5 || !memchr(bytes + 4, 0, (size_t)(end - bytes - 4)))
			return false;
		stage = link_number(bytes);
		bytes += 4;
		if (stage > SMFIM_LAST)
			return false;
		free(link->macros[stage]);
		link->macros[stage] = strdup(bytes);
	}
	link->negotiated = true;
	return true;
}

bool link_fill(struct link *link)
{
	struct buffer *in = &link->in;

	for (;;) {
		size_t room;
		ssize_t got;

		buffer_reserve(in, 4096);
		room = in->capacity - in->end;
		got = recv(link->fd, in->bytes + in->end, room, 0);
		if (got > 0)
			in->end += (size_t)got;
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		if (got < (ssize_t)room && !(got < 0 && errno == EINTR))
			return true;
	}
}

bool link_packet(struct link *link, char *command_r, const char **bytes_r, size_t *length_r)
{
	struct buffer *in = &link->in;
	size_t length;

	if (in->end - in->start < 5)
		return false;
	length = link_number(in->bytes + in->start);
	if (length == 0 || length > LINK_PACKET_MAX) {
		link->broken = true;
		return false;
	}
	if (in->end - in->start - 4 < length)
		return false;
	*command_r = in->bytes[in->start + 4];
	*bytes_r = in->bytes + in->start + 5;
	*length_r = length - 1;
	in->start += 4 + length;
	return true;
}
