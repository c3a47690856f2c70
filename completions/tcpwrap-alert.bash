# Written by `make man` in the source of tcpwrap-alert.
_tcpwrap_alert() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' words='' files='' at
    for ((at = 1; at < COMP_CWORD; at++)); do
        [[ ${COMP_WORDS[at]} == -* ]] || { command=${COMP_WORDS[at]} && break; }
    done
    case "$command $previous" in
    'deny --config') files=yes ;;
    'submit --config') files=yes ;;
    'send -H') ;;
    'send -p') ;;
    'send -to') ;;
    'send -d') ;;
    'send -ds') ;;
    'send -c'|'send --config') files=yes ;;
    'replay --splay') ;;
    'replay --config') files=yes ;;
    'queue --config') files=yes ;;
    'top --since') ;;
    'top --by') words='client daemon hour' ;;
    'top --html') files=yes ;;
    'top --config') files=yes ;;
    'sweeps --since') ;;
    'sweeps --hosts') ;;
    'sweeps --config') files=yes ;;
    'check --allow') files=yes ;;
    'check --deny') files=yes ;;
    'check --config') files=yes ;;
    'check-spool -w'|'check-spool --warning') ;;
    'check-spool -c'|'check-spool --critical') ;;
    'check-spool --config') files=yes ;;
    'setup --server') ;;
    'setup --password-file') files=yes ;;
    'setup --method') ;;
    'setup --host-name') ;;
    'setup --network') ;;
    'heartbeat --config') files=yes ;;
    'listen --port') ;;
    'listen --config') files=yes ;;
    *)
        case $command in
        deny) words='-v --verbose --dry-run --config -V --version --debug -h --help' ;;
        submit) words='-v --verbose --dry-run --config -V --version --debug -h --help' ;;
        send) words='-H -p -to -d -ds --single-result -c --config --quiet --legacy-2-7-mode --spool -V --version --debug -h --help' ;;
        replay) words='--all --splay -v --verbose --config -V --version --debug -h --help' ;;
        queue) words='--json --config -V --version --debug -h --help' ;;
        top) words='--since --by --json --csv --html --config -V --version --debug -h --help' ;;
        sweeps) words='--since --hosts --json --csv --submit --config -V --version --debug -h --help' files=yes ;;
        check) words='server --send --json -q --quiet --allow --deny --config -q --quiet -V --version --debug -h --help' files=yes ;;
        check-spool) words='-w --warning -c --critical --config -V --version --debug -h --help' ;;
        setup) words='--server --password-file --method --host-name --network --apply --dry-run --remove -V --version --debug -h --help' ;;
        heartbeat) words='--config -V --version --debug -h --help' ;;
        listen) words='--port --config -V --version --debug -h --help' ;;
        demo) words='-V --version --debug -h --help' ;;
        '') words='deny submit send replay queue top sweeps check check-spool setup heartbeat listen demo -V --version --debug -h --help' ;;
        esac
        ;;
    esac
    COMPREPLY=()
    [[ ! $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    [[ $files ]] && compopt -o filenames && mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$current")
    return 0
}
complete -F _tcpwrap_alert tcpwrap-alert
