# Completions of evenkeel for bash. What there is, the command says itself, so that nothing here can be out of date.
_evenkeel() {
  local word=${COMP_WORDS[COMP_CWORD]} path=() each help
  for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $each =~ ^[a-z]+$ ]] || break
    path+=("$each")
  done
  help=$(evenkeel "${path[@]}" --help 2>/dev/null) || return
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(sed -n '/^Options:/,/^$/p' <<<"$help" | grep -oE -- '--[a-z][a-z-]*')" -- "$word")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z]\{1,\}\).*/\1/p' <<<"$help")" -- "$word")
}
# Files where the command has no words: specs, certificates.
complete -o default -F _evenkeel evenkeel
