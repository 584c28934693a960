#!/bin/sh
# One unattended run of a job: daybook-nightly.sh PROJECT [JOB]
#
# Says nothing when the night was good and nobody watches; otherwise prints the end of the log, so that cron mails it.
# The exit code is daybook's own; 75 when the night before still runs, 124 when the time is up.
# DAYBOOK, DAYBOOK_TIMEOUT, DAYBOOK_UMASK and DAYBOOK_KEEP_DAYS (of logs) override what is set here.
set -u
# Reports are for people of other accounts too, as after a night started by hand; 027 keeps them to the group.
umask "${DAYBOOK_UMASK:-022}"

if [ $# -lt 1 ]; then
  echo "usage: daybook-nightly.sh PROJECT [JOB]" >&2
  exit 64
fi
if ! project=$(cd "$1" 2>/dev/null && pwd); then
  echo "daybook-nightly: the project's folder $1 cannot be entered" >&2
  exit 64
fi
job=${2:-nightly}
daybook=${DAYBOOK:-$project/.build/release/daybook}
logs=$project/.daybook/log
log=$logs/$job-$(date +%Y-%m-%d).log

if ! [ -x "$daybook" ]; then
  echo "daybook-nightly: $daybook is not there; run make build in $project" >&2
  exit 69
fi
# Passable but not listable, so that the database server's own user reaches its part of it.
[ -d "$project/.daybook" ] || mkdir -m 711 "$project/.daybook" || exit 73
[ -d "$logs" ] || mkdir -m 750 "$logs" || exit 73
find "$logs" -name '*.log' -mtime "+${DAYBOOK_KEEP_DAYS:-30}" -delete

begin=$(wc -c 2>/dev/null <"$log" || echo 0)
{ printf '== %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$job" >>"$log"; } || exit 73

# flock and timeout run in place of each other (-F), so that a signal to the child reaches daybook through timeout.
# 30 seconds after SIGTERM comes SIGKILL: daybook has then had time to roll back and to record the end of the run.
flock -n -E 75 -F "$project/.daybook/$job.lock" \
  timeout -k 30 "${DAYBOOK_TIMEOUT:-3h}" "$daybook" run "$job" --project "$project" >>"$log" 2>&1 &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' TERM INT HUP
wait "$child"
status=$?
# A trapped signal ends the first wait; the second one gets the code.
while kill -0 "$child" 2>/dev/null; do
  wait "$child"
  status=$?
done

case $status in
  0) [ -t 1 ] || exit 0 ;;
  75) echo "daybook-nightly: another run of $job holds $project/.daybook/$job.lock" >&2 ;;
  124 | 137) echo "daybook-nightly: $job was ended after ${DAYBOOK_TIMEOUT:-3h}" >&2 ;;
  *) echo "daybook-nightly: $job ended with $status; the whole log is $log" >&2 ;;
esac
tail -c "+$((begin + 1))" "$log" | tail -n 40 >&2
exit "$status"
