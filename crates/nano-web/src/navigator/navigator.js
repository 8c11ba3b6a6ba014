// The Navigator interface, as far as a server has anything to say: HTML section 8.10.1, and ECMA-429.

const { webidl } = internal;

class Navigator {
  #brand;

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
}
webidl.configureInterface(Navigator);

internal.expose({ Navigator, navigator: new Navigator(webidl.constructorKey) });
