//! Circles of a directed graph: its strongly connected groups of more than one node (Tarjan's algorithm).

use std::collections::{BTreeMap, BTreeSet};

/// Arrows by node name. A node that only receives arrows need not be a key.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// The circles, each sorted, in the order of their first names.
pub(super) fn circles(graph: &Graph) -> Vec<Vec<String>> {
    let mut search =
        Search { graph, index: BTreeMap::new(), low: BTreeMap::new(), stack: Vec::new(), found: Vec::new() };
    for node in graph.keys() {
        if !search.index.contains_key(node.as_str()) {
            search.visit(node);
        }
    }
    search.found.sort();
    search.found
}

struct Search<'g> {
    graph: &'g Graph,
    index: BTreeMap<&'g str, usize>,
    low: BTreeMap<&'g str, usize>,
    stack: Vec<&'g str>,
    found: Vec<Vec<String>>,
}

impl<'g> Search<'g> {
    /// Recursive: as deep as the longest path, which is at most the number of files of a crate.
    fn visit(&mut self, node: &'g str) {
        let at = self.index.len();
        self.index.insert(node, at);
        self.low.insert(node, at);
        self.stack.push(node);
        for next in self.graph.get(node).into_iter().flatten() {
            if !self.index.contains_key(next.as_str()) {
                self.visit(next);
                self.lower(node, self.low[next.as_str()]);
            } else if self.stack.contains(&next.as_str()) {
                self.lower(node, self.index[next.as_str()]);
            }
        }
        if self.low[node] == self.index[node] {
            let begin = self.stack.iter().position(|other| *other == node).unwrap_or_default();
            let mut group: Vec<String> = self.stack.drain(begin..).map(String::from).collect();
            if group.len() > 1 {
                group.sort();
                self.found.push(group);
            }
        }
    }

    fn lower(&mut self, node: &'g str, to: usize) {
        let low = self.low.entry(node).or_insert(to);
        *low = to.min(*low);
    }
}

#[test]
fn circles_of_a_graph() {
    let graph = |text: &str| -> Graph {
        let mut graph = Graph::new();
        for arrow in text.split(' ') {
            let (from, to) = arrow.split_once('>').unwrap();
            graph.entry(from.into()).or_default().insert(to.into());
        }
        graph
    };
    assert!(circles(&graph("a>b b>c a>c c>d")).is_empty());
    assert_eq!(circles(&graph("a>b b>c c>a c>d d>e e>d x>a")), [vec!["a", "b", "c"], vec!["d", "e"]]);
    // Two circles that share a node are one.
    assert_eq!(circles(&graph("a>b b>a b>c c>b")), [["a", "b", "c"]]);
}
