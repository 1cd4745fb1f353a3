/** A bootable CD from Debian's packages: GRUB's rescue disk. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Apt } from '../../src/machine/debian/apt.ts';
import { readDeb } from '../../src/machine/debian/deb.ts';
import { debianSources } from '../../src/machine/debian/sources.ts';

const name = 'grub-rescue-pc';
const iso = 'usr/lib/grub-rescue/grub-rescue-cdrom.iso';

/**
 * Writes the CD image to `output`. It takes a Debian-based host and its network; where that cannot be had, the
 * test fails and says so.
 */
export async function writeGrubCd(output: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'rebek-grub-'));
  try {
    const apt = await Apt.open(scratch, 'i386', await debianSources('bookworm', undefined), undefined);
    const packages = await apt.find([name]);
    const paths = await apt.download(packages, () => {});
    const [file] = await readDeb(paths.get(name) ?? '', (path) => path === iso);
    if (file?.kind !== 'file') throw new Error(`the package ${name} has no ${iso}`);
    await writeFile(output, file.data);
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    throw new Error(
      `this test needs the package ${name} from a Debian mirror, by apt-get: ${message}. ${hint ?? ''}`,
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
