/* SPDX-License-Identifier: BSD-2-Clause */
/* Received fields as servers write them, and as clients would like them to be read. */

#include "postern/mail.h"
#include "tests/unit/unit.h"

/* "IP HELO", or why not. */
static const char *seen(const char *value)
{
	static char text[4096], ip[IP_TEXT_MAX];
	struct received received;
	const char *why = received_parse(str_of(value), &received);

	if (why)
		return why;
	snprintf(text, sizeof(text), "%s " STR_FMT, ip_text(&received.ip, ip),
		 STR_ARG(received.helo));
	return text;
}

#define SEEN(value, expected) CHECK_STR(str_of(seen(value)), expected)
#define NO_CLIENT "it names no client"
#define NO_ADDRESS "it does not show the client's address"
#define NO_FORM "it is not in a form that is known"
#define NO_SERVER "it does not say who wrote it"

static void test_postfix(void)
{
	SEEN(" from mail.example.net (mail.example.net [192.0.2.25])\n"
	     "\tby mx2.example.org (Postfix) with ESMTP id 4Xk2Lq0Jz9\n"
	     "\tfor <b@example.org>; Mon,  5 Feb 2024 10:11:12 +0100 (CET)",
	     "192.0.2.25 mail.example.net");
	SEEN(" from mail.example.net (unknown [192.0.2.25])\n\tby mx2.example.org (Postfix) with "
	     "SMTP id 1; Mon",
	     "192.0.2.25 mail.example.net");
	SEEN(" from mail.example.net (mail.example.net [IPv6:2001:db8::25])\n"
	     "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n"
	     "\t key-exchange X25519 server-signature RSA-PSS (4096 bits) server-digest SHA256)\n"
	     "\t(Client CN \"mail.example.net\", Issuer \"R3 (Let's Encrypt)\" (verified OK))\n"
	     "\tby mx2.example.org (Postfix) with ESMTPS id 1\n\tfor <b@example.org>; Mon",
	     "2001:db8::25 mail.example.net");
	SEEN(" from [192.168.1.7] (p4fd0.dip.example.net [192.0.2.77])\n"
	     "\t(using TLSv1.2 with cipher ECDHE-RSA-AES128-GCM-SHA256 (128/128 bits))\n"
	     "\t(No client certificate requested)\n\t(Authenticated sender: alice@example.org)\n"
	     "\tby mx2.example.org (Postfix) with ESMTPSA id 1; Mon",
	     "192.0.2.77 [192.168.1.7]");
	SEEN(" from x (unknown [::ffff:192.0.2.1]) by y (Postfix); z", "192.0.2.1 x");
	/* Local submission, and a client that was hidden. */
	SEEN(" by mx2.example.org (Postfix, from userid 0)\n\tid 1; Mon", NO_CLIENT);
	SEEN(" from x (unknown [UNAVAILABLE]) by y (Postfix)", NO_ADDRESS);
}

static void test_sendmail(void)
{
	SEEN(" from mail.example.net (mail.example.net [192.0.2.25])\n"
	     "\tby mx2.example.org (8.17.1.9/8.17.1.9/Debian-2+deb12u2) with ESMTPS id 415ABC\n"
	     "\t(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=OK)\n"
	     "\tfor <b@example.org>; Mon, 5 Feb 2024 10:11:12 GMT",
	     "192.0.2.25 mail.example.net");
	SEEN(" from mail.example.net ([192.0.2.25])\n\tby mx2 (8.17.1.9/8.17.1.9) with ESMTP id 1; "
	     "M",
	     "192.0.2.25 mail.example.net");
	SEEN(" from mail.example.net (other.example [192.0.2.25] (may be forged))\n\tby mx2 (8.17)",
	     "192.0.2.25 mail.example.net");
	SEEN(" from m ([IPv6:2001:db8:0:0:0:0:0:25] (may be forged))\n\tby mx2 (8.17)",
	     "2001:db8::25 m");
	SEEN(" from m (IDENT:joe@mail.example.net [192.0.2.25])\n\t(authenticated bits=0)\n"
	     "\tby mx2 (8.17); x",
	     "192.0.2.25 m");
	SEEN(" from m (h [192.0.2.25]) (authenticated) by mx2 (8.17); x", "192.0.2.25 m");
	SEEN(" (from root@localhost)\n\tby mx2.example.org (8.17.1.9/8.17.1.9/Submit) id 1; Mon",
	     NO_CLIENT);
}

static void test_exim(void)
{
	SEEN(" from mail.example.net ([192.0.2.25])\n\tby mx2.example.org with esmtps  (TLS1.3) "
	     "tls TLS_AES_256_GCM_SHA384\n\t(Exim 4.96)\n\t(envelope-from <a@example.net>)\n\tid "
	     "1rX-0\n\tfor b@example.org;\n\tMon",
	     "192.0.2.25 mail.example.net");
	SEEN(" from mail.example.net ([192.0.2.25] helo=other.example)\n\tby mx2 with esmtp (Exim)",
	     "192.0.2.25 other.example");
	SEEN(" from mail.example.net ([192.0.2.25]:4711 helo=other.example ident=joe (x))\n\tby mx",
	     "192.0.2.25 other.example");
	SEEN(" from mail.example.net ([2001:db8::25] ident=joe)\n\tby mx2 with esmtp (Exim 4.96)",
	     "2001:db8::25 mail.example.net");
	SEEN(" from [192.0.2.25] (helo=mail.example.net)\n\tby mx2 with esmtp (Exim 4.96)",
	     "192.0.2.25 mail.example.net");
	SEEN(" from [2001:db8::25] (port=4711 helo=[IPv6:2001:db8::26] ident=joe)\n\tby mx2 with x",
	     "2001:db8::25 [IPv6:2001:db8::26]");
	SEEN(" from [192.0.2.25] (ident=joe)\n\tby mx2 with esmtp (Exim 4.96)", "192.0.2.25 ");
	SEEN(" from [192.0.2.25]\n\tby mx2 with esmtp (Exim 4.96)", "192.0.2.25 ");
	SEEN(" from root by mx2.example.org with local (Exim 4.96)\n\tid 1; Mon", NO_ADDRESS);
	SEEN(" from mail.example.net (helo=x)\n\tby mx2 with esmtp (Exim 4.96)", NO_ADDRESS);
}

static void test_layout(void)
{
	SEEN("FROM\r\n x\r\n\t(\tunknown [192.0.2.1]) by y", NO_ADDRESS);
	SEEN("\tFROM\r\n x\r\n\t(unknown\r\n [192.0.2.1])\r\n BY\r\n y", "192.0.2.1 x");
	SEEN("from x (unknown [ipv6:2001:DB8::1])by y", "2001:db8::1 x");
	SEEN(" from x (OpenSMTPD.example [192.0.2.1])\n\tby y (OpenSMTPD) with ESMTP id z; x",
	     "192.0.2.1 x");
	SEEN(" from r ([127.0.0.1])\n by localhost (r [127.0.0.1]) (amavisd-new, port 10024)\n"
	     " with ESMTP id ab-12; x",
	     "127.0.0.1 r");
	/* What may stand for whom: a login, a recipient. */
	SEEN(" from x (u [192.0.2.1]) by y for <\"a by b\\\" by \"@z>; by", "192.0.2.1 x");
	SEEN(" from x (u [192.0.2.1]) by y for <a@z>; x by y (", "192.0.2.1 x");
	SEEN(" from x (u [192.0.2.1]) by y for <a@[198.51.100.1]>; x", "192.0.2.1 x");
	SEEN(" from x (u [192.0.2.1])\n\t(Authenticated sender: a_[198.51.100.1])\n\tby mx2",
	     "192.0.2.1 x");
	SEEN(" from x (u [192.0.2.1]) by y (a by (\\)) b) byte standby; z", "192.0.2.1 x");
}

/* A client chooses its HELO, its login, its certificate and, with some, what ident says. */
static void test_forgeries(void)
{
	SEEN(" from x (y [198.51.100.1]) (real [192.0.2.1]) by mx2 (8.17)", NO_FORM);
	SEEN(" from x (y [198.51.100.1]) by y (real [192.0.2.1])\n\tby mx2 (8.17)", NO_FORM);
	SEEN(" from x (y [198.51.100.1]) by y (real [127.0.0.1])\n\tby mx2 (8.17)", NO_SERVER);
	SEEN(" from x (y [198.51.100.1]) by y ( (real [192.0.2.1])\n\tby mx2 (8.17)", NO_FORM);
	SEEN(" from x (y [198.51.100.1]) by y \" (real [192.0.2.1])\n\tby mx2 (8.17)", NO_FORM);
	SEEN(" from x (y [198.51.100.1]) by y ; (real [192.0.2.1])\n\tby mx2 (Postfix); Mon",
	     NO_FORM);
	SEEN(" from x (y [198.51.100.1]) by y ; (real [IPv6:2001:db8::1])\n\tby mx2; Mon", NO_FORM);
	SEEN(" from [198.51.100.1] by y ; (real [192.0.2.1])\n\tby mx2 (Postfix); Mon", NO_FORM);
	SEEN(" from [198.51.100.1] (helo=x) by y ; (real [192.0.2.1])\n\tby mx2; Mon", NO_FORM);
	/* The recipient closes what the HELO opened. */
	SEEN(" from x (y [198.51.100.1]) (using (real [192.0.2.1])\n\tby mx2 (Postfix) with ESMTP "
	     "id 1\n"
	     "\tfor <\"a) by y;b\"@example.org>; Mon",
	     NO_FORM);
	SEEN(" from x (y [198.51.100.1]) by y \" (real [192.0.2.1])\n\tby mx2 (Postfix) with ESMTP "
	     "id 1\n"
	     "\tfor <\"a\\\"b\"@example.org>; Mon",
	     NO_FORM);
	SEEN(" from [198.51.100.1] (ident=x@real.example [192.0.2.1])\n\tby mx2 (8.17)",
	     NO_ADDRESS);
	SEEN(" from [198.51.100.1] (helo=x [192.0.2.1])\n\tby mx2 (Postfix)", NO_ADDRESS);
	SEEN(" from [198.51.100.1] (real.example [192.0.2.1])\n\tby mx2 (Postfix)",
	     "192.0.2.1 [198.51.100.1]");
	SEEN(" from [198.51.100.1] ([192.0.2.1])\n\tby mx2 (8.17)", "192.0.2.1 [198.51.100.1]");
	SEEN(" from x ([192.0.2.1] ident=y helo=[198.51.100.1])\n\tby mx2 (Exim)", NO_ADDRESS);
	SEEN(" from x ([192.0.2.1] ident=y helo=z)\n\tby mx2 (Exim)", "192.0.2.1 x");
	SEEN(" from a,b;c\"d<e> (u [192.0.2.1])\n\tby mx2 (Postfix)", "192.0.2.1 a,b;c\"d<e>");
	SEEN(" from x (u [192.0.2.1])\n\t(Authenticated sender: a [198.51.100.1])\n\tby mx2",
	     NO_FORM);
}

static void test_nonsense(void)
{
	SEEN("", NO_CLIENT);
	SEEN(" ", NO_CLIENT);
	SEEN(" from", NO_CLIENT);
	SEEN(" fromage (u [192.0.2.1]) by y", NO_CLIENT);
	SEEN(" from ", NO_ADDRESS);
	SEEN(" from x", NO_ADDRESS);
	SEEN(" from x by y", NO_ADDRESS);
	SEEN(" from x (", NO_ADDRESS);
	SEEN(" from x (y)", NO_ADDRESS);
	SEEN(" from x (192.0.2.1) by y", NO_ADDRESS);
	SEEN(" from x (y [192.0.2.256]) by y", NO_ADDRESS);
	SEEN(" from x (y [192.0.2.1/24]) by y", NO_ADDRESS);
	SEEN(" from x (y [192.0.2.1) by y", NO_ADDRESS);
	SEEN(" from x (y [192.0.2.1] z) by y", NO_ADDRESS);
	SEEN(" from x (y [192.0.2.1] (may be forged) z) by y", NO_ADDRESS);
	SEEN(" from x (y [192.0.2.1]", NO_ADDRESS);
	SEEN(" from x (y [192.0.2.1])", NO_SERVER);
	SEEN(" from x (y [192.0.2.1]) by", NO_SERVER);
	SEEN(" from x (y [192.0.2.1]) with SMTP", NO_SERVER);
	SEEN(" from x (y [192.0.2.1]) (using ", NO_FORM);
	SEEN(" from x (y [192.0.2.1]) () by y", NO_FORM);
	SEEN(" from x\1 (y [192.0.2.1]) by y", NO_ADDRESS);
}

/* NUL ends nothing. */
static void test_nul(void)
{
	static const char value[] = " from x (y [192.0.2.1\0]) by y";
	static const char helo[] = " from x\0 (y [192.0.2.1]) by y";
	struct received received;

	CHECK(received_parse((struct str){value, sizeof(value) - 1}, &received) != NULL);
	CHECK(received_parse((struct str){helo, sizeof(helo) - 1}, &received) != NULL);
}

int main(void)
{
	RUN(test_postfix);
	RUN(test_sendmail);
	RUN(test_exim);
	RUN(test_layout);
	RUN(test_forgeries);
	RUN(test_nonsense);
	RUN(test_nul);
	return unit_done();
}
