#!/bin/sh
# What a container runs below its init (tini, process 1), which VMMs fall to when a daemon ends. Starts the daemon again
# whenever it ends, under running machines, and takes them down, each as its document says, when the container is asked to
# end. Arguments are the daemon's. A new daemon by hand: kill "$(cat /var/lib/baton/batond.lock)"
set -u
daemon=''
stopping=''
waiting=''

stop() {
  stopping=yes
  batond-host shutdown "$@"
  kill -TERM "$daemon" 2>/dev/null
}
trap 'stop "$@"' TERM INT
trap 'kill -HUP "$daemon"' HUP

booted=''
while [ -z "$stopping" ]; do
  batond "$@" &
  daemon=$!
  if [ -z "$booted" ]; then
    booted=yes
    # It answers when the daemon does.
    { for _ in 1 2 3 4 5 6 7 8 9 10; do batond-host boot "$@" && break || sleep 1; done; } &
    waiting=$!
  fi
  # A signal ends the wait, not the daemon.
  while kill -0 "$daemon" 2>/dev/null; do wait "$daemon"; status=$?; done
  [ -n "$stopping" ] || {
    echo "batond ended with $status: starting it again" >&2
    sleep 1
  }
done
[ -z "$waiting" ] || wait "$waiting"
exit 0
