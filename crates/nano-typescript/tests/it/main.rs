//! The JavaScript of each construct of TypeScript, and that every character keeps its place.

use nano_typescript::{Problem, strip};
use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;

/// The result, which must be JavaScript.
#[track_caller]
fn js(source: &str) -> String {
    let code = strip(source).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, &code, SourceType::mjs()).parse();
    assert!(!parsed.diagnostics.has_errors(), "{source} became {code}: {:?}", parsed.diagnostics);
    assert_eq!(code.lines().count(), source.lines().count(), "{code}");
    code
}

/// Checks the result with runs of spaces shortened, and that each character has its place in the source.
#[track_caller]
fn blanked(source: &str, expected: &str) {
    let code = js(source);
    let tight = |text: &str| text.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    assert_eq!(tight(&code), tight(expected));
    let (before, after): (Vec<u16>, Vec<u16>) =
        (source.encode_utf16().collect(), code.encode_utf16().collect());
    assert_eq!(before.len(), after.len(), "{source} became {code}");
    for (old, new) in before.iter().zip(&after) {
        let put = [' ', ';', '(', ')'].map(|character| character as u16);
        assert!(
            old == new || put.contains(new) || source.starts_with("import A ="),
            "{source} became {code}"
        );
    }
}

#[track_caller]
fn problem(source: &str) -> Problem {
    strip(source).expect_err(source).remove(0)
}

#[test]
fn types_become_spaces() {
    blanked(
        "let a: string = 'x', b!: number, c: A<B>[] | undefined;",
        "let a         = 'x', b         , c                      ;",
    );
    blanked(
        "function f<T>(this: X, a?: T, ...b: T[]): asserts a is T {}",
        "function f   (         a    , ...b     )                 {}",
    );
    blanked(
        "const g = async <T,>(a: T = 1): Promise<T> => a!;",
        "const g = async     (a    = 1)             => a ;",
    );
    blanked("f<string>(x as any as T, y satisfies U);", "f        (x            , y            );");
    blanked("new Map<string, number>(); tag<T>`x`;", "new Map                (); tag   `x`;");
    blanked("const x = <any>y; a!.b![c!]!();", "const x =      y; a .b [c ] ();");
    blanked("try {} catch (e: unknown) {}", "try {} catch (e         ) {}");
    blanked("const é: Ünï = '🦀' as string;", "const é      = '🦀'          ;");
    blanked("for (const k of x as any[]) (k as any).y = 1;", "for (const k of x         ) (k       ).y = 1;");
    blanked("a = b ? (c as D) : (e): f => e;", "a = b ? (c     ) : (e)    => e;");
}

#[test]
fn declarations_of_types_become_empty_statements() {
    blanked("type A = 1;", ";          ");
    blanked("x\ninterface B { a: 1 }\n(y)", "x\n;                  \n(y)");
    blanked(
        "declare const c: D; declare function d(): void; e;",
        ";                   ;                            e;",
    );
    blanked("declare global { interface F { g: 1 } }", ";                                      ");
    blanked("declare module 'x' { export const y: 1; }", ";                                        ");
    blanked("namespace G { export type H = 1 }", ";                                ");
    blanked(
        "export type { I } from './i'; export type * from './j';",
        ";                             ;                        ",
    );
    blanked(
        "export interface K {} export declare const l: 1;",
        ";                     ;                         ",
    );
    blanked(
        "function over(a: 1): 1;\nfunction over(a: any) {}",
        ";                      \nfunction over(a     ) {}",
    );
    blanked("export default interface M {}", ";                            ");
}

#[test]
fn types_of_classes_become_spaces() {
    blanked(
        "abstract class A<T> extends B<T> implements C, D<T> { abstract x: T; abstract y(): void; }",
        "         class A    extends B                       { ;              ;                  }",
    );
    blanked(
        "class A { private static readonly x: number = 1; declare y: 1; z?: T; [k: string]: T; w!: T }",
        "class A { ;       static          x         = 1; ;             z;   ; ;               w; }",
    );
    blanked(
        "class A { public async *a?(): T {} protected get b(): T { return 1 } override [c]<T>() {} m(): 1; m() {} }",
        "class A { ;      async *a ()    {} ;         get b()    { return 1 } ;        [c]   () {} ;       m() {} }",
    );
    blanked(
        "class A { get: T\n foo() {} static: T\n *b() {} }",
        "class A { get;  \n foo() {} static;  \n *b() {} }",
    );
    blanked("class A { x = 1\n private [y] = 2 }", "class A { x = 1\n ;       [y] = 2 }");
    blanked("const A = class implements B {}", "const A = class              {}");
}

#[test]
fn parameter_properties_are_assigned() {
    assert_eq!(
        js("class A { constructor(private x: T, readonly y = 1, z: T) { f() } }"),
        "class A { constructor(        x   ,          y = 1, z   ) {this.x=x;this.y=y; f() } }"
    );
    assert_eq!(
        js("class A extends B { constructor(public x: T) { 'd'\nsuper()\nf() } }"),
        "class A extends B { constructor(       x   ) { 'd'\nsuper();this.x=x;\nf() } }"
    );
}

#[test]
fn imports_and_exports_of_types_become_spaces() {
    blanked("import type A from 'a';", ";                      ");
    blanked("import { type A, b, C } from 'a'; b;", "import {         b,   } from 'a'; b;");
    blanked("import A, { b } from 'a'; b;", "import    { b } from 'a'; b;");
    blanked("import A, * as b from 'a'; A;", "import A          from 'a'; A;");
    blanked("import { A } from 'a'; let x: A;", ";                      let x   ;");
    blanked("import { A } from 'a'; export { A };", "import { A } from 'a'; export { A };");
    blanked("import 'a'; import {} from 'b';", "import 'a'; import {} from 'b';");
    blanked(
        "interface A {} const b = 1; export { A, b, type C };",
        ";              const b = 1; export {    b,        };",
    );
    blanked("interface A {}\nexport default A;", ";             \n;                ");
    blanked(
        "import { A } from 'a'; class B extends A<C> {}",
        "import { A } from 'a'; class B extends A    {}",
    );
    blanked("import A = B.C; A();", "const  A = B.C; A();");
    blanked(
        "import x from './x.json' with { type: 'json' }; x;",
        "import x from './x.json' with { type: 'json' }; x;",
    );
}

#[test]
fn lines_that_would_join_or_split_are_separated() {
    blanked("a = b as T\n(c)", "a = b ;   \n(c)");
    blanked("a = b as T\n[0].x", "a = b ;   \n[0].x");
    blanked("a = b as T\n+ 1", "a = b     \n+ 1");
    blanked("f((a as T), b)", "f((a     ), b)");
    blanked(
        "const f = (a): Array<\nT> => a",
        "const f = (a         \n )=> a".replace(" )=>", " ) =>").as_str(),
    );
    blanked("const f = async <\nT>(a: T) => a", "const f = async (\n   a   ) => a");
    assert_eq!(js("function f() { return <\nT>a }"), "function f() { return (\n  a) }");
    assert_eq!(js("const f = () => <T>{ a: 1 }"), "const f = () => (  { a: 1 })");
}

#[test]
fn enums_become_objects() {
    assert_eq!(
        js("export enum A { X, Y = 5, Z,\n  'q-r' = 'text', W = Y | Z }"),
        "export var A;(function(A){A[A[\"X\"]=0]=\"X\";A[A[\"Y\"]=5]=\"Y\";A[A[\"Z\"]=A[\"Y\"]+1]=\"Z\";\nA[\"q-r\"]='text';A[A[\"W\"]=A.Y | A.Z]=\"W\";})(A||(A={}));"
    );
    assert_eq!(js("const enum E {}"), "var E;(function(E){})(E||(E={}));");
    blanked("declare enum D { X }", ";                   ");
}

#[test]
fn errors_have_line_and_column() {
    for (source, line, column, part) in [
        ("let x: = 1", 1, 8, ""),
        ("\n  namespace A { export const x = 1 }", 2, 3, "namespace"),
        ("const é = 1; @d class A {}", 1, 14, "decorators"),
        ("class A {\n  @d x }", 2, 3, "decorators"),
        ("import x = require('y'); x;", 1, 1, "CommonJS"),
        ("export = 1", 1, 1, "export default"),
    ] {
        let problem = problem(source);
        assert_eq!((problem.line, problem.column), (line, column), "{source}: {problem}");
        assert!(problem.message.contains(part), "{problem}");
    }
}

/// Every construct that nests is parsed, or refused with a reason; no stack overflows.
#[test]
fn deep_sources_do_not_overflow() {
    let depth = 20_000;
    for (open, middle, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("!", "1", ""),
        ("- ", "1", ""),
        ("typeof ", "1", ""),
        ("a=>", "1", ""),
        ("a=", "1", ""),
        ("a?b:", "1", ""),
        ("a**", "1", ""),
        ("f(", "1", ")"),
        ("`${", "1", "}`"),
        ("function(){return ", "1", "}"),
        ("", "1", "+1"),
        ("a", "", ".b"),
        ("new ", "a", ""),
        ("await ", "a", ""),
        ("<T>", "a", ""),
    ] {
        let source = format!("x = {}{middle}{}", open.repeat(depth), close.repeat(depth));
        let _ = strip(&source);
    }
    for (open, middle, close) in [
        ("if(a)", ";", ""),
        ("if(a);else ", ";", ""),
        ("for(;;)", ";", ""),
        ("{", "", "}"),
        ("type A = ", "", ""),
        ("type A = Array<", "B", ">"),
        ("type A = keyof ", "B", ""),
        ("do ", ";", " while(a);"),
        ("a:", ";", ""),
        ("class A{a=class{", "", "}}"),
    ] {
        let source = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
        let _ = strip(&source);
    }
    let types = ["(", "[", "A<", "keyof ", "A extends B ? C : ", "{a:", "() => ", "readonly ", "new () => "];
    for open in types {
        let source = format!("type A = {}B", open.repeat(depth));
        let _ = strip(&source);
    }
    let problem = problem(&"(".repeat(nano_typescript::MAX_NESTING + 1));
    assert!(problem.message.contains("too large"), "{problem}");
}
