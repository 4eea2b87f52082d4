# shellcheck shell=sh
# Owns a scratch directory and the processes started in it. The write end of our standard input is held by the
# program we guard alone, so its end, however it comes, is the end of the input.
trap '' HUP INT QUIT TERM
dir=$(mktemp -d "$1/epigraph-$2-XXXXXX") || exit 1
chmod "$3" "$dir"
printf '%s\n' "$dir"
exec >/dev/null 2>&1

# Process groups have a minus sign in front, as for kill.
targets=
while read -r word target; do
    others=
    for one in $targets; do
        [ "$one" = "$target" ] || others="$others $one"
    done
    targets=$others
    [ "$word" = start ] && targets="$targets $target"
done

alive() {
    for one in $targets; do
        kill -0 "$one" && return 0
    done
    return 1
}
for one in $targets; do
    case $one in
        # QUIT first: PostgreSQL then takes its children and its shared memory with it.
        -*) kill -QUIT "$one" ;;
        # It has the person's terminal, and gives it back on TERM.
        *) kill -TERM "$one" ;;
    esac
    kill -CONT "$one"
done
turn=0
while alive && [ $turn -lt 40 ]; do
    sleep 0.05
    turn=$((turn + 1))
done
for one in $targets; do
    kill -KILL "$one"
done
turn=0
until rm -rf "$dir" || [ $turn -ge 40 ]; do
    sleep 0.05
    turn=$((turn + 1))
done
