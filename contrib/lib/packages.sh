# SPDX-License-Identifier: BSD-2-Clause
# Sourced by contrib/try and contrib/check: the packages of contrib/packages. $top: source tree.

# The packages of the named sections.
packages_of() {
	for section in "$@"; do
		sed -n "/^\[$section]/,/^\[/{/^[^[#]/p;}" "$top/contrib/packages"
	done
}

# Those of them that are not installed.
packages_missing() {
	for package in $(packages_of "$@"); do
		status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)
		[ "$status" = installed ] || echo "$package"
	done
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

# Installs what is missing of the named sections; ends the script with status 2 where it cannot.
packages_install() {
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		echo "This is no Debian system: install what these packages of Debian 12 hold," >&2
		echo "then build with ./configure and make, and test with make check:" >&2
		packages_of "$@" | tr '\n' ' ' | fold -s -w 96 | sed 's/^/  /' >&2
		echo >&2
		exit 2
	fi
	missing=$(packages_missing "$@" | tr '\n' ' ')
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
		echo "Packages are missing; as root, run:" >&2
		echo "  apt-get install --no-install-recommends $missing" >&2
		exit 2
	fi
	echo "Installing: $missing"
	log=$(mktemp)
	# Postfix would ask what kind of mail server the machine shall be; it shall be none.
	if ! {
		as_root apt-get -q update &&
			echo 'postfix postfix/main_mailer_type select No configuration' |
			as_root debconf-set-selections &&
			as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
				install --no-install-recommends $missing
	} >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		echo "The packages could not be installed." >&2
		exit 2
	fi
	rm -f "$log"
}

# Fetches the packages of [unpack] and unpacks them below the folder $1, once. Quietly fails.
packages_unpack() {
	into=$1
	[ ! -e "$into/complete" ] || return 0
	rm -rf "$into"
	mkdir -p "$into"
	(
		cd "$into" || exit 1
		fetch="apt-get -q download $(packages_of unpack | tr '\n' ' ')"
		$fetch || { as_root apt-get -q update && $fetch; } || exit 1
		for package in *.deb; do
			dpkg -x "$package" . || exit 1
		done
		rm -f ./*.deb
		# A set-group-id program ignores LD_LIBRARY_PATH, which points it at the rest.
		chmod g-s usr/libexec/sendmail/sendmail
	) >"$into.log" 2>&1 || return 1
	touch "$into/complete"
}

# The configure script, made anew where it is older than what it is made of. $1: a log.
configure_script() {
	if [ -e "$top/config.status" ]; then
		echo "The source tree itself is configured; run 'make distclean' in it first." >&2
		exit 2
	fi
	if [ ! -e "$top/configure" ] || [ ! -e "$top/Makefile.in" ] ||
		[ "$top/configure.ac" -nt "$top/configure" ] ||
		[ "$top/Makefile.am" -nt "$top/Makefile.in" ]; then
		(cd "$top" && autoreconf -fi) >"$1" 2>&1 || {
			cat "$1" >&2
			echo "autoreconf failed." >&2
			exit 1
		}
	fi
}
