/** The kernel's command line for the Debian guest: where its root is, and what shortens its boot. */
import { DISK_LABEL } from './disk.js';

/** Work at boot that nothing here asks for: up to three quarters of the kernel's instructions, and of systemd's a fifth. */
const SHORTER = [
  'cryptomgr.notests',
  'initcall_blacklist=jent_mod_init,load_system_certificate_list,init_kprobe_trace',
  // No security module: systemd would load programs into the one for BPF.
  'lsm=capability',
];

/** `more`: what else is wanted on it, such as `ip=…` where no DHCP server is. */
export function debianCommandLine(...more: readonly string[]): string {
  // A console whose terminal may not be there is asked nothing, and each character costs.
  return [`root=LABEL=${DISK_LABEL} rw console=ttyS0 quiet TERM=dumb`, ...SHORTER, ...more].join(' ');
}
