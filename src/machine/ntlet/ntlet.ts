/** The built-in guest `ntlet`: a small NT-like system that comes with the package. Its source is in tools/ntlet. */
import { fileURLToPath } from 'node:url';
import { biosPaths } from '../cache.ts';
import { checkMachine, type Machine } from '../schema.ts';

/** The package's folder, from src/ or, built, from dist/src/. */
const here = new URL('.', import.meta.url);
const root = new URL(here.pathname.endsWith('/dist/src/machine/ntlet/') ? '../../../../' : '../../../', here);

/** Where the image is, and how it is booted. Nothing is read. */
export function ntletMachine(): Machine {
  const data = {
    name: 'ntlet',
    memory: 32,
    boot: { kind: 'multiboot', image: 'ntlet.bin' },
    nic: { model: 'ne2k' },
    serial: 2,
    prompt: 'login: $',
  };
  // Only the source folder has it: a compiler copies no images.
  return checkMachine(data, 'ntlet', fileURLToPath(new URL('src/machine/ntlet/', root)), biosPaths());
}
