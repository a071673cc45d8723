/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings of the program, and what it knows of the MTA it is attached to. */

#include "postern/fact.h"

static const struct setting_def settings[] = {
    {.name = "listen", .type = {TYPE_TEXT, false, NULL},
     .fallback = "unix:/run/postern/postern.sock",
     .help = "Socket to serve: unix:PATH, inet:PORT@HOST, inet6:PORT@HOST."},
    {.name = "socket.group", .type = {TYPE_TEXT, false, NULL},
     .help = "Group that owns a unix socket."},
    {.name = "socket.mode", .type = {TYPE_TEXT, false, NULL}, .fallback = "0660",
     .help = "Mode of a unix socket, octal."},
    {.name = "user", .type = {TYPE_TEXT, false, NULL},
     .help = "User to become when started as root; by default 'postern' if there is one."},
    {.name = "authserv", .type = {TYPE_DOMAIN, false, NULL},
     .help = "Our authserv-id (RFC 8601 2.5); by default the MTA's own name."},
    {.name = "resolver", .type = {TYPE_TEXT, false, NULL},
     .help = "ADDRESS@PORT of a recursive name server; by default the system's."},
    {.name = "log", .type = {TYPE_TEXT, false, NULL}, .fallback = "stderr",
     .words = NAMES("stderr", "syslog"), .help = "Where log lines go."},
    {.name = "submitters", .type = {TYPE_TEXT, false, NULL}, .table = true,
     .help = "Table of clients without a queue: never answered 452 for mixed recipients."},
    {.name = "mixed", .type = {TYPE_TEXT, false, NULL}, .fallback = "defer",
     .words = NAMES("defer", "first", "message"),
     .help = "What to do with recipients of several kinds in one message."},
    {.name = "early", .type = {TYPE_TEXT, false, NULL}, .words = NAMES("connect"),
     .help = "connect: refuse at once, without a text, what is certain at connect."},
    {.name = "relays", .type = {TYPE_TEXT, false, NULL}, .table = true, .later = true,
     .help = "Table of our own relays in front of this server."},
    {.name = "mode", .type = {TYPE_TEXT, false, NULL}, .later = true,
     .help = "observe: decide, do nothing, and log."},
    {.name = "journal", .type = {TYPE_TEXT, false, NULL}, .later = true,
     .help = "What the journal keeps."},
    {.name = NULL},
};

static const struct fact_def facts[] = {
    {.name = "mta.name", .type = {TYPE_TEXT, false, NULL}, .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION, .macro = "j", .internal = true,
     .help = "The MTA's name for itself."},
    {.name = "daemon.name", .type = {TYPE_TEXT, false, NULL}, .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION, .macro = "daemon_name",
     .help = "Name of the MTA's listener that took the connection."},
    {.name = "daemon.ip", .type = {TYPE_IP, false, NULL}, .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION, .macro = "daemon_addr",
     .help = "Address on which the MTA took the connection."},
    {.name = "daemon.port", .type = {TYPE_NUMBER, false, NULL}, .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION, .macro = "daemon_port",
     .help = "Port on which the MTA took the connection."},
    {.name = NULL},
};

const struct family family_server = {.name = "server", .facts = facts, .settings = settings};
