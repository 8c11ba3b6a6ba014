// Classes whose instances are nobody's but the platform's.

const { ReflectSetPrototypeOf } = internal.primordials;

// Makes instances of an internal class independent of Object.prototype: neither a read of an absent property nor a first
// write to one can then reach a tenant's getter or setter there.
internal.primordials.hideObjectPrototype = (Class) => {
  ReflectSetPrototypeOf(Class.prototype, null);
  return Class;
};
