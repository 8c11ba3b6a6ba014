// The last file: lets go of what only evaluating the others needed, so that no isolate carries it.
//
// Whatever a file uses of the language's built-ins it has taken by now; hundreds that nobody took are garbage.

internal.primordials = undefined;
