/** Return addresses of open calls, and what is watched for them. */
import { callsBefore, landingsNear } from './call-site.ts';
import type { MatcherHost, Moment } from './matcher.ts';

/** Sites kept for the next call from there; those of open calls come on top. */
const MOST_IDLE = 8192;

/** A place that calls return to. */
export class ReturnSite {
  readonly address: number;
  /** Where a CALL may begin that returns here. Reached with its ESP, it shows that what it called has been left. */
  calls: readonly number[] = [];
  /** Where else control passes before it comes here without a return. */
  landings: readonly number[] = [];
  /** Open calls that return here. */
  open = 0;
  /** Ended calls that a copy of their thread may still return from. */
  kept = 0;
  /** The eight bytes of code before the address: others mean other code. */
  near: number | undefined;
  far: number | undefined;

  constructor(address: number) {
    this.address = address;
  }
}

/** Watches what is needed, once for all calls that return to the same place. */
export class ReturnSites {
  private readonly host: MatcherHost<never>;
  private readonly sites = new Map<number, ReturnSite>();

  constructor(host: Pick<MatcherHost, 'watch' | 'unwatch'>) {
    this.host = host as MatcherHost<never>;
  }

  /** For a call that begins: to be given back by {@link release}. */
  take(address: number, moment: Moment): ReturnSite {
    // Programs have other code at the same address, the kernel has not.
    const key = moment.cpl === 3 ? address + 2 ** 32 * (moment.asid >>> 12) : address;
    let site = this.sites.get(key);
    if (site === undefined) {
      if (this.sites.size >= MOST_IDLE) this.forget();
      site = new ReturnSite(address);
      this.sites.set(key, site);
    }
    if (site.open++ === 0) this.begin(site, moment);
    return site;
  }

  release(site: ReturnSite): void {
    if (--site.open > 0) return;
    const { host } = this;
    for (let i = 0; i < site.calls.length; i++) host.unwatch(site.calls[i]!);
    for (let i = 0; i < site.landings.length; i++) host.unwatch(site.landings[i]!);
    if (site.kept === 0) host.unwatch(site.address);
  }

  /** The return address itself stays watched until {@link drop}, also when no call from there is open. */
  keep(site: ReturnSite): void {
    if (site.kept++ === 0 && site.open === 0) this.host.watch(site.address);
  }

  drop(site: ReturnSite): void {
    if (--site.kept === 0 && site.open === 0) this.host.unwatch(site.address);
  }

  private begin(site: ReturnSite, moment: Moment): void {
    const { host } = this;
    const near = moment.word((site.address - 4) >>> 0);
    const far = moment.word((site.address - 8) >>> 0);
    if (near !== site.near || far !== site.far) {
      site.near = near;
      site.far = far;
      site.calls = callsBefore(site.address, moment);
      site.landings = landingsNear(site.address, moment);
    }
    if (site.kept === 0) host.watch(site.address);
    for (let i = 0; i < site.calls.length; i++) host.watch(site.calls[i]!);
    for (let i = 0; i < site.landings.length; i++) host.watch(site.landings[i]!);
  }

  private forget(): void {
    for (const [key, site] of this.sites) if (site.open === 0 && site.kept === 0) this.sites.delete(key);
  }
}
