/**
 * What the Debian that the service is tested on consists of: as little as systemd needs, what the installation of Baton
 * uses, and what Debian calls essential, of which only the files are wanted.
 */

/** The first one names the release. */
export const SERVICE_ROOT_PACKAGES = [
  ...['base-files', 'base-passwd', 'bash', 'coreutils', 'dash', 'diffutils', 'findutils', 'grep', 'gzip'],
  ...['hostname', 'libc-bin', 'login', 'mawk', 'ncurses-base', 'passwd', 'perl-base', 'procps', 'sed', 'tar'],
  ...['util-linux', 'mount', 'systemd', 'systemd-sysv', 'dbus', 'libstdc++6', 'libatomic1', 'curl', 'tini'],
] as const;
