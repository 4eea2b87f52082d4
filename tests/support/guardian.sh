# Owns a scratch directory and the process groups started in it. The write end of our standard input is held by the
# program we guard alone, so its end, however it comes, is the end of the input.
trap '' HUP INT QUIT TERM
dir=$(mktemp -d "$1/epigraph-$2-XXXXXX") || exit 1
chmod "$3" "$dir"
printf '%s\n' "$dir"
exec >/dev/null 2>&1

groups=
while read -r word group; do
    others=
    for one in $groups; do
        [ "$one" = "$group" ] || others="$others $one"
    done
    groups=$others
    [ "$word" = start ] && groups="$groups $group"
done

alive() {
    for one in $groups; do
        kill -0 "-$one" && return 0
    done
    return 1
}
# QUIT first: PostgreSQL then takes its children and its shared memory with it.
for signal in QUIT CONT; do
    for one in $groups; do
        kill "-$signal" "-$one"
    done
done
turn=0
while alive && [ $turn -lt 40 ]; do
    sleep 0.05
    turn=$((turn + 1))
done
for one in $groups; do
    kill -KILL "-$one"
done
turn=0
until rm -rf "$dir" || [ $turn -ge 40 ]; do
    sleep 0.05
    turn=$((turn + 1))
done
