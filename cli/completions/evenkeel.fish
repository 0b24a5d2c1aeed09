# Completions of evenkeel for fish. What there is, the command says itself, so that nothing here can be out of date.
function __evenkeel_help
    set -l route
    for word in (commandline -opc)[2..]
        string match -qr '^[a-z]+$' -- $word; or break
        set -a route $word
    end
    command -q evenkeel; and evenkeel $route --help 2>/dev/null
end
function __evenkeel_commands
    __evenkeel_help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]\{1,\}\)  *\(.*\)/\1\t\2/p'
end
function __evenkeel_options
    __evenkeel_help | sed -n '/^Options:/,/^$/p' | string match -r -- '--[a-z][a-z-]*'
end
complete -c evenkeel -n '__evenkeel_commands | string length -q' -f
complete -c evenkeel -a '(__evenkeel_commands)'
complete -c evenkeel -n 'string match -q -- "-*" (commandline -ct)' -a '(__evenkeel_options)'
