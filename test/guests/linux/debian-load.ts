/**
 * Work for the whole Debian, as one bash script that says on its output what it did, a line each. All of it ends when
 * it is told to stop, and what is verified is verified by the guest itself:
 *
 *     tick N             every `TICK_MS`: a gap between two is a gap of the connection
 *     top - …            the first line of each screen of `top`
 *     sql N              row N is committed
 *     disk N MICROS      file N was written and synced in that time, and read back from the disk as it was written
 *     memory N           all of a buffer was changed and found to be what it must be
 *     BAD …              something else was found
 *
 * It answers `clock`, `set SECONDS` (moves the clock), `life` (which boot, how long ago), `stop`.
 */

export const TICK_MS = 50;
/** Ports in the guest: one sends back what it reads, one answers pieces of what it reads with their SHA-256. */
export const LOAD_PORTS = { echo: 7007, digest: 7008 } as const;
export const DIGEST_BYTES = 64 * 1024;

const FOLDER = '/var/tmp/load';
const ROW_MS = 250;
const DISK_FILES = 4;
const DISK_KIB = 128;
const MEMORY_MIB = 2;

const HEX_PORTS = Object.values(LOAD_PORTS).map((port) => port.toString(16).toUpperCase().padStart(4, '0'));

/** Serves each connection on a port by a program of its own. */
const serve = (port: number, program: string) =>
  `nice -n 5 systemd-socket-activate --accept --inetd --listen=${port} ${program} 2>/dev/null & servers="$servers $!"`;

const TICKER = `$| = 1; while (! -e "stop") { print "tick ", ++$n, "\\n"; select undef, undef, undef, ${TICK_MS / 1000} }`;

/** Statements for sqlite3, each of which it commits before it says so. */
const ROWS = [
  '$| = 1; print "create table rows(n integer primary key, data blob);\\n"; while (! -e "stop") { ++$n;',
  'print "insert into rows values($n, randomblob(300)); select \\"sql \\" || max(n) from rows;\\n";',
  `select undef, undef, undef, ${ROW_MS / 1000} }`,
].join(' ');

const MEMORY = [
  `$| = 1; my $bytes = ${MEMORY_MIB} << 20; my $data = "\\x5a\\x01" x ($bytes / 2); my $mask = "\\xff" x $bytes;`,
  'my @sums = map { unpack("%32C*", $_) } $data, $data ^ $mask;',
  'while (! -e "stop") { $data ^= $mask; my $sum = unpack "%32C*", $data;',
  'print $sum == $sums[++$n % 2] ? "memory $n\\n" : "BAD memory in pass $n: $sum\\n" }',
].join(' ');

export const DEBIAN_LOAD = `
export LC_ALL=C
rm -rf ${FOLDER} && mkdir -p ${FOLDER} && cd ${FOLDER} || exit 1

cat > digest <<'END'
#!/bin/sh
nothing=$(sha256sum < /dev/null)
while sum=$(head -c ${DIGEST_BYTES} | sha256sum) && [ "$sum" != "$nothing" ]; do echo "$sum"; done
END
chmod +x digest
${serve(LOAD_PORTS.echo, '/usr/bin/cat')}
${serve(LOAD_PORTS.digest, `${FOLDER}/digest`)}

perl -e '${TICKER}' &
workers=$!
nice -n 5 top -b -d 2 -w 100 > >(exec grep --line-buffered '^top') & top=$!
nice -n 10 perl -e '${MEMORY}' & workers="$workers $!"

perl -e '${ROWS}' | nice -n 5 sqlite3 -bail rows.db & workers="$workers $!"

(
  n=0
  while [ ! -e stop ]; do
    n=$((n + 1)) file=file$((n % ${DISK_FILES}))
    head -c ${DISK_KIB}K /dev/urandom > /dev/shm/expected
    from=\${EPOCHREALTIME/./}
    dd if=/dev/shm/expected of=$file bs=64k conv=fsync status=none || echo "BAD write $n"
    took=$((\${EPOCHREALTIME/./} - from))
    if dd if=$file bs=64k iflag=direct status=none | cmp - /dev/shm/expected; then echo "disk $n $took"
    else echo "BAD file $n"; fi
    mv /dev/shm/expected /dev/shm/$file
  done
) & workers="$workers $!"

for port in ${HEX_PORTS.join(' ')}; do
  until cat /proc/net/tcp /proc/net/tcp6 | grep -q ":$port 0"; do sleep 0.1; done
done
echo ready
while read -r word argument; do
  case $word in
    clock) echo "clock $EPOCHREALTIME" ;;
    set) date -s "$argument seconds" > /dev/null && echo "set" ;;
    life) echo "life $(cat /proc/sys/kernel/random/boot_id) $(cut -d ' ' -f 1 /proc/uptime)" ;;
    stop) break ;;
  esac
done

touch stop
wait $workers
kill $top $servers
for file in file?; do cmp $file /dev/shm/$file || echo "BAD $file at the end"; done
echo "rows $(sqlite3 rows.db 'select count(*), max(n) from rows; pragma integrity_check' | tr '\\n' ' ')"
echo "errors $(dmesg --level=emerg,alert,crit,err,warn | tr '\\n' '|')"
echo done
`;
