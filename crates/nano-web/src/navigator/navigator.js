// The Navigator interface, as far as a server has anything to say: HTML section 8.10.1, and ECMA-429.

const { ObjectFreeze } = internal.primordials;
const { webidl } = internal;

class Navigator {
  #brand;
  #languages = null;

  constructor(key = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
  }

  get userAgent() {
    this.#brand;
    return ops.userAgent();
  }

  get hardwareConcurrency() {
    this.#brand;
    return ops.hardwareConcurrency();
  }

  get language() {
    this.#brand;
    return "en-US";
  }

  get languages() {
    return this.#languages ??= ObjectFreeze(["en-US"]);
  }

  get onLine() {
    this.#brand;
    return true;
  }

  get platform() {
    this.#brand;
    return ops.platform();
  }

  // section 8.10.1.1: what all must say, since pages of the past asked for it.
  get appCodeName() {
    this.#brand;
    return "Mozilla";
  }

  get appName() {
    this.#brand;
    return "Netscape";
  }

  get appVersion() {
    this.#brand;
    return "4.0";
  }

  get product() {
    this.#brand;
    return "Gecko";
  }
}
webidl.configureInterface(Navigator);

internal.expose({ Navigator, navigator: new Navigator(webidl.constructorKey) });
