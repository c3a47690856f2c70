# make demo          show the way of an alert; needs no server, no root, no configuration
# make test          everything that a change must pass
# make test-all      the tests with every supported Python that is found, the oldest and the newest dependencies
# make test-ends     the ends of that range, without the tests that take long
# make dist          wheel and sdist, into dist/: the same bytes each time
# make deb           the Debian package, into dist/
# make test-deb      that package on Debian 12 and 13, which it makes first: each boots below .venv/roots
# make test-debian13 what depends on the system, with the daemons and the Python of Debian 13
# make fuzz          hostile input: tests/fuzz with TIMES (20) times the examples of `test`; some minutes
# make docs          the tables of docs/daemons.md, from a run of each daemon with each rule; some minutes
# make volume        each outcome beside what the command file received, in all modes of nsca; `test` takes one
# make man           man/, docs/man/ and completions/, from the program; `make docs` does it, too
# make crash         every fault at every system call of the scripts; half an hour
# make mutants       one thing changed in spool/, forwarding/, nsca/ or transports/, COUNT (160) times: what no test notices
# make bench         what all this costs beside the programs that it replaces: a table with aims, and benchmarks/results.*
# make bench-methods what a packet of each encryption method costs beside C send_nsca
# make bench-hosts   what 1000 hosts cost one monitor: nsca in each mode, Icinga 2 with one node and with two; five minutes
#
# Each does all its own set-up in .venv. As root on Debian, all but `demo` also install the programs that they run
# against; without root, what is missing is skipped, with a reason.

PYTHON ?= python3
VENV ?= .venv
TIMES ?= 20
BIN = $(VENV)/bin
PEERS = nsca nsca-client nagios4-core icinga2 tcpd openbsd-inetd openssh-server nagios-nrpe-server nagios-nrpe-plugin \
    vsftpd stunnel4 socat haproxy rpcbind libtirpc3 acl sudo openssl fail2ban iproute2 strace util-linux \
    nsca-ng-server prometheus-alertmanager squid tinyproxy curl redis-server chromium busybox mksh ksh93u+m yash
DEBIAN_PYTHON = python3 python3-venv python3-click python3-cryptography
# Of the tests, what uses the dependencies or TLS.
ENDS = $(addprefix tests/,commands config nsca transports/test_command_file.py transports/test_nsca_ng.py transports/test_https.py)
SOURCES := $(shell find tcpwrap_alert bin man completions -type f ! -name '*.pyc') setup.cfg pyproject.toml README.md
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# These packages cannot be installed beside openbsd-inetd and nsca-client, or are far more than we need; their programs
# will do.
export PATH := $(PATH):$(CURDIR)/$(VENV)/xinetd/usr/sbin:$(CURDIR)/$(VENV)/nsca-ng-client/usr/sbin:$(CURDIR)/$(VENV)/prometheus/usr/bin:$(CURDIR)/$(VENV)/prometheus-node-exporter/usr/bin
unpack = [ -z "$(PEERS)" ] || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || [ -e $(VENV)/$(1) ] || { \
    apt-get update -qq && rm -rf $(VENV)/$(1).part && mkdir -p $(VENV)/$(1).part && cd $(VENV)/$(1).part && \
    apt-get -o APT::Sandbox::User=root download -qq $(1) && dpkg -x $(1)_*.deb . && { $(2); } && mv ../$(1).part ../$(1); }

# What the package is built with, and what its tests install on a Debian without a network.
DEB_BUILD = dpkg-dev debhelper dh-python pybuild-plugin-pyproject python3-setuptools
DEB_KEPT = make openssh-server nagios4-core nsca,$(DEB_BUILD),python3-click python3-cryptography,acl
ROOTS = $(VENV)/roots
# What depends on the system: the daemons of Debian 13, its libwrap, its Python and what that has of our dependencies.
PEERS_13 = nsca nsca-client nagios4-core tcpd openbsd-inetd openssh-server nagios-nrpe-server nagios-nrpe-plugin \
    vsftpd stunnel4 socat rpcbind acl sudo openssl iproute2 strace dma python3-click python3-cryptography \
    icinga2 python3-pytest python3-pytest-timeout python3-pytest-xdist python3-hypothesis
TESTS_13 = $(addprefix tests/interop/test_,daemons.py denied_connection.py icinga.py nagios.py nrpe.py) tests/transports/test_icinga2.py

.PHONY: demo test test-all test-ends test-deb test-debian13 fuzz docs volume crash mutants bench bench-methods bench-hosts dist deb peers clean

demo: $(VENV)/installed
	@$(BIN)/tcpwrap-alert demo

test: $(VENV)/installed-for-test peers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -m 'alone and not debian'
	$(BIN)/pytest -m 'not alone and not debian' -n 6 --dist worksteal

# pyenv runs those Pythons only that its variable names.
test-all test-ends: $(BIN)/python peers
	@tools/apt-install "Debian's Python and what we use of it" $(DEBIAN_PYTHON)
	$(INSTALL) nox
	@export PYENV_VERSION; PYENV_VERSION=$$(pyenv versions --bare 2>/dev/null | paste -sd:); $(BIN)/nox --envdir $(VENV)/nox $(SESSIONS)
	@rm -rf build *.egg-info

test-ends: SESSIONS = --tags ends -- $(ENDS)

dist: $(VENV)/installed-for-test
	@tools/build-dist $(BIN)/python dist
	@$(BIN)/python -m twine check --strict dist/*.whl dist/*.tar.gz

deb:
	@tools/apt-install 'what builds a Debian package' $(DEB_BUILD)
	@tools/build-deb

test-deb: $(VENV)/installed-for-test deb
	@tools/apt-install 'what the tests of the package need' debootstrap lintian
	@tools/debian-root bookworm $(ROOTS)/bookworm '$(DEB_KEPT)' & \
	    tools/debian-root trixie $(ROOTS)/trixie '$(DEB_KEPT)' && wait $$!
	@lintian --allow-root --fail-on error,warning $(if $(wildcard man/*),,--suppress-tags no-manual-page) dist/tcpwrap-alert_*.changes
	$(BIN)/pytest -n 2 --dist loadscope tests/debian

test-debian13: deb
	@tools/apt-install 'what makes a Debian 13' debootstrap
	@tools/debian-root trixie $(ROOTS)/trixie-peers xinetd $(PEERS_13)
	tools/in-debian $(ROOTS)/trixie-peers python3 -m pytest -p no:cacheprovider -n 3 --dist worksteal \
	    -o junit_family=xunit1 --junitxml=$(VENV)/daemons-13.xml $(TESTS_13)

fuzz: $(VENV)/installed-for-test peers
	FUZZ_TIMES=$(TIMES) $(BIN)/pytest -n 4 --dist worksteal --hypothesis-show-statistics --timeout=$$((120 * $(TIMES))) tests/fuzz tests/model

docs: $(VENV)/installed-for-test peers test-debian13
	CI=1 $(BIN)/pytest -o junit_family=xunit1 --junitxml=$(VENV)/daemons.xml tests/interop/test_daemons.py
	$(BIN)/python tools/daemon_table.py $(VENV)/daemons.xml docs/daemons.md 'Debian 12'
	$(BIN)/python tools/daemon_table.py $(VENV)/daemons-13.xml docs/daemons.md 'Debian 13'

volume: $(VENV)/installed-for-test peers
	VERDICTS=full $(BIN)/pytest tests/interop/test_verdicts.py

crash: $(VENV)/installed-for-test peers
	CRASH_MATRIX=full $(BIN)/pytest tests/crash

bench bench-methods: $(VENV)/installed-for-test peers
	$(BIN)/python benchmarks/$(@:bench-%=%).py

bench-hosts: $(VENV)/installed-for-test peers
	$(BIN)/python benchmarks/many_hosts.py

$(VENV)/installed: $(SOURCES) | $(BIN)/python
	$(INSTALL) .
	@rm -rf build *.egg-info
	@touch $@

$(VENV)/installed-for-test: $(SOURCES) | $(BIN)/python
	$(INSTALL) '.[test]'
	@rm -rf build *.egg-info
	@touch $@ $(VENV)/installed

# Debian keeps what `python3 -m venv` needs in a package of its own.
$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	    [ "$$(id -u)" = 0 ] || { echo 'python3-venv is missing; as root: apt-get install python3-venv' >&2; exit 1; }; \
	    tools/apt-install 'what makes virtual environments' python3-venv; }
	$(PYTHON) -m venv $(VENV)

peers:
	@tools/apt-install 'what the tests run against (make PEERS= does without)' $(PEERS)
	@$(call unpack,xinetd,:)
	@$(call unpack,nsca-ng-client,mv usr/sbin/send_nsca usr/sbin/send_nsca-ng)
	@$(call unpack,prometheus,:)
	@$(call unpack,prometheus-node-exporter,:)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

COUNT ?= 160

mutants: $(VENV)/installed-for-test peers
	$(BIN)/python tools/mutants.py $(or $(COUNT),160) '$(MODULE)' $(SEED)

# What the tests of man/ and completions/ run.
PEERS += mandoc zsh fish

.PHONY: man
docs: man

man: $(VENV)/installed-for-test peers
	$(BIN)/python tools/man_pages.py
	$(BIN)/python tools/completion_files.py
