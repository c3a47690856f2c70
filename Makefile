# make demo          show the way of an alert; needs no server, no root, no configuration
# make test          everything that a change must pass
# make test-all      the tests with every supported Python that is found, the oldest and the newest dependencies
# make test-ends     the ends of that range, without the tests that take long
# make fuzz          hostile input: tests/fuzz with TIMES (20) times the examples of `test`; some minutes
# make docs          the table of docs/daemons.md, from a run of each daemon with each rule; two minutes
# make volume        each outcome beside what the command file received, in all modes of nsca; `test` takes one
# make man           man/, docs/man/ and completions/, from the program; `make docs` does it, too
# make crash         every fault at every system call of the scripts; half an hour
# make mutants       one thing changed in spool/, forwarding/, nsca/ or transports/, COUNT (160) times: what no test notices
# make bench         what all this costs beside the programs that it replaces: a table with aims, and benchmarks/results.*
# make bench-methods what a packet of each encryption method costs beside C send_nsca
#
# Each does all its own set-up in .venv. As root on Debian, all but `demo` also install the programs that they run
# against; without root, what is missing is skipped, with a reason.

PYTHON ?= python3
VENV ?= .venv
TIMES ?= 20
BIN = $(VENV)/bin
PEERS = nsca nsca-client nagios4-core icinga2 tcpd openbsd-inetd openssh-server nagios-nrpe-server nagios-nrpe-plugin \
    vsftpd stunnel4 socat haproxy rpcbind libtirpc3 acl sudo openssl fail2ban iproute2 strace util-linux \
    nsca-ng-server prometheus-alertmanager squid tinyproxy
DEBIAN_PYTHON = python3 python3-venv python3-click python3-cryptography
# Of the tests, what depends most on versions.
ENDS = $(addprefix tests/,commands config forwarding libwrap nsca spool test_*.py interop/test_nsca_daemon.py) \
    $(addprefix tests/transports/test_,command_file.py nsca_ng.py https.py)
SOURCES := $(shell find tcpwrap_alert bin man completions -type f ! -name '*.pyc') setup.cfg pyproject.toml README.md
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# These packages cannot be installed beside openbsd-inetd and nsca-client; their programs will do.
export PATH := $(PATH):$(CURDIR)/$(VENV)/xinetd/usr/sbin:$(CURDIR)/$(VENV)/nsca-ng-client/usr/sbin
unpack = [ -z "$(PEERS)" ] || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || [ -e $(VENV)/$(1) ] || { \
    apt-get update -qq && rm -rf $(VENV)/$(1).part && mkdir -p $(VENV)/$(1).part && cd $(VENV)/$(1).part && \
    apt-get -o APT::Sandbox::User=root download -qq $(1) && dpkg -x $(1)_*.deb . && { $(2); } && mv ../$(1).part ../$(1); }

.PHONY: demo test test-all test-ends fuzz docs volume crash mutants bench bench-methods peers clean

demo: $(VENV)/installed
	@$(BIN)/tcpwrap-alert demo

test: $(VENV)/installed-for-test peers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -m alone
	$(BIN)/pytest -m 'not alone' -n 6 --dist worksteal

# pyenv runs those Pythons only that its variable names.
test-all test-ends: $(BIN)/python peers
	@tools/apt-install "Debian's Python and what we use of it" $(DEBIAN_PYTHON)
	$(INSTALL) nox
	@export PYENV_VERSION; PYENV_VERSION=$$(pyenv versions --bare 2>/dev/null | paste -sd:); $(BIN)/nox --envdir $(VENV)/nox $(SESSIONS)
	@rm -rf build *.egg-info

test-ends: SESSIONS = --tags ends -- $(ENDS)

fuzz: $(VENV)/installed-for-test peers
	FUZZ_TIMES=$(TIMES) $(BIN)/pytest -n 4 --dist worksteal --hypothesis-show-statistics --timeout=$$((120 * $(TIMES))) tests/fuzz tests/model

docs: $(VENV)/installed-for-test peers
	CI=1 $(BIN)/pytest -o junit_family=xunit1 --junitxml=$(VENV)/daemons.xml tests/interop/test_daemons.py
	$(BIN)/python tools/daemon_table.py $(VENV)/daemons.xml docs/daemons.md

volume: $(VENV)/installed-for-test peers
	VERDICTS=full $(BIN)/pytest tests/interop/test_verdicts.py

crash: $(VENV)/installed-for-test peers
	CRASH_MATRIX=full $(BIN)/pytest tests/crash

bench bench-methods: $(VENV)/installed-for-test peers
	$(BIN)/python benchmarks/$(@:bench-%=%).py

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

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

COUNT ?= 160

mutants: $(VENV)/installed-for-test peers
	$(BIN)/python tools/mutants.py $(COUNT) $(MODULE)

# What the tests of man/ and completions/ run.
PEERS += mandoc zsh fish

.PHONY: man
docs: man

man: $(VENV)/installed-for-test peers
	$(BIN)/python tools/man_pages.py
	$(BIN)/python tools/completion_files.py
