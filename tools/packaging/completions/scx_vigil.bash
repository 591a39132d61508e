# SPDX-License-Identifier: GPL-2.0-only
# bash completion of scx_vigil(8)

_scx_vigil() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words
    words="--mode --config --rules --profiles --socket --sysfs-root --proc-root --simulate --log-level --stats --monitor --check --version --help"
    case $previous in
        --mode) words="auto schedule observe" ;;
        --simulate) words="cxl" ;;
        --log-level) words="trace debug info warn error off" ;;
        --rules|--profiles|--sysfs-root|--proc-root) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
        --config|--socket) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
        --stats|--monitor) return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o filenames -F _scx_vigil scx_vigil
