/** What a given profile adds to a kernel that was found, once it is sure that it is of this kernel. */
import { RebekError } from '../../base/errors.ts';
import type { Kallsyms } from './kallsyms.ts';
import type { Banner } from './kernel-image.ts';
import type { LinuxProfile } from './offsets.ts';

/** @throws RebekError ERR_GUEST_PROFILE if the profile names another kernel */
export function checkBanner(profile: LinuxProfile | undefined, banner: Banner): void {
  const expected = profile?.banner;
  if (expected === undefined || banner.lines.some((line) => line.trim() === expected.trim())) return;
  throw new RebekError('ERR_GUEST_PROFILE', `the profile is of another kernel: ${expected.trim()}`, {
    hint: `The guest runs: ${banner.lines.at(-1)?.trim()}`,
  });
}

/** The kernel's exports, and those variables of the profile that it does not export, at the distance that it was moved. */
export function withProfileSymbols(
  exports: ReadonlyMap<string, number>,
  profile: LinuxProfile | undefined,
  { names, addresses }: Kallsyms,
): ReadonlyMap<string, number> {
  const linked = profile?.symbols.get('_stext');
  const found = addresses[names.indexOf('_stext')];
  if (profile === undefined || linked === undefined || found === undefined) return exports;
  const all = new Map(exports);
  for (const [name, address] of profile.symbols) {
    if (!all.has(name)) all.set(name, (address + found - linked) >>> 0);
  }
  return all;
}
