/** What an analyst gives who knows more of the guest's kernel than Rebek does: a profile, from a file. */
import { RebekError } from '../base/errors.ts';
import { profileFromIsf } from './linux/isf.ts';
import type { LinuxProfile } from './linux/offsets.ts';
import { ntProfileFromIsf } from './nt/isf.ts';
import type { NtProfile } from './nt/profile.ts';

/** Offsets and symbols of one kernel. */
export type GuestProfile =
  | { readonly family: 'linux'; readonly profile: LinuxProfile }
  | { readonly family: 'nt'; readonly profile: NtProfile };

/**
 * The profile that a file in Volatility 3's intermediate symbol format describes, of Linux or NT.
 * @param json the file's content, parsed
 * @throws RebekError ERR_GUEST_PROFILE if it is no such file, or not of a 32-bit kernel of these systems
 */
export function guestProfile(json: unknown): GuestProfile {
  const types = (json as { user_types?: unknown } | null | undefined)?.user_types;
  const has = (name: string): boolean =>
    typeof types === 'object' && types !== null && Object.hasOwn(types, name);
  if (has('_EPROCESS')) return { family: 'nt', profile: ntProfileFromIsf(json) };
  if (has('task_struct')) return { family: 'linux', profile: profileFromIsf(json) };
  throw new RebekError('ERR_GUEST_PROFILE', 'the profile is of no kernel that Rebek knows', {
    hint: 'a profile is a JSON file in Volatility 3’s format (ISF), with task_struct of Linux or _EPROCESS of Windows in its user_types',
  });
}
