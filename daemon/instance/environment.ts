/** What a VMM sees of the daemon's environment: nothing that was meant for the daemon alone. */
import { vmmUser } from './vmm-user.js';

const PASSED_ON = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'NODE_COMPILE_CACHE'];

export function vmmEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = environment[name];
    if (value !== undefined) passed[name] = value;
  }
  const user = vmmUser();
  return user === null ? passed : { ...passed, HOME: user.home, USER: user.name, LOGNAME: user.name };
}
