# SPDX-License-Identifier: GPL-2.0-only
# bash completion of vigilctl(1)

_vigilctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local commands="status top watch explain class topology devices profile mode stats rules record replay doctor bundle"
    local classes="auto regular gaming interactive latency batch ai vm container vectordb kworker"
    local options="--json --socket --help" word command="" operand=0 skip=0

    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if ((skip)); then skip=0; continue; fi
        case $word in
            --socket|--sysfs-root|--proc-root|--rules|--profiles) skip=1 ;;
            -*) ;;
            *) if [[ -z $command ]]; then command=$word; else ((++operand)); fi ;;
        esac
    done

    case $previous in
        --socket) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --sysfs-root|--proc-root|--rules|--profiles) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        --before) mapfile -t COMPREPLY < <(compgen -W "${classes#auto }" -- "$current"); return ;;
        --kernel) mapfile -t COMPREPLY < <(compgen -W "kthread kworker pidns nice realtime" -- "$current"); return ;;
        --exe|--script|--argv0|--arg|--env|--comm|--cgroup|--uid|--under)
            mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    esac

    local words="$options"
    case $command in
        "") words="$commands $options --version" ;;
        watch) words="--all $options" ;;
        stats) words="--openmetrics $options" ;;
        topology|devices) words="--sysfs-root --proc-root $options" ;;
        mode) ((operand == 0)) && words="auto gaming powersave lowlatency server $options" ;;
        profile)
            ((operand == 0)) && words="list show use auto check $options"
            ((operand == 1)) && [[ $previous == show || $previous == use ]] && words="$(vigilctl profile list 2>/dev/null | command sed 's/^[* ] *//; s/ .*//') $options"
            ((operand == 2)) && words="$(command ps -eo pid= 2>/dev/null) $options" ;;
        class)
            ((operand == 0)) && words="$(command ps -eo pid= 2>/dev/null) $options"
            ((operand == 1)) && words="$classes $options" ;;
        explain) ((operand == 0)) && words="$(command ps -eo pid= 2>/dev/null) $options" ;;
        rules)
            if ((operand == 0)); then words="check test $options"
            else words="--rules --profiles --exe --script --argv0 --arg --env --comm --cgroup --kernel --uid --before --under $options"; fi ;;
        record|replay|bundle)
            if [[ $current != -* ]]; then mapfile -t COMPREPLY < <(compgen -f -- "$current"); return; fi ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o filenames -F _vigilctl vigilctl
