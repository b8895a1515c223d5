package template

import "text/template/parse"

// Names of the functions in an amended tree. They are no functions when a
// template is parsed, so no template can call them.
const (
	stepName    = "countersignStep"
	enterName   = "countersignEnter"
	leaveName   = "countersignLeave"
	measureName = "countersignMeasure"
)

// instrumenter amends the trees of a template, so that whatever repeats or
// grows is counted, and collects the names of the functions in them.
type instrumenter struct{ called map[string]bool }

func (i instrumenter) tree(tree *parse.Tree) {
	i.list(tree.Root)
	begin := tree.Root.Position()
	tree.Root.Nodes = append(append([]parse.Node{action(enterName, begin)}, tree.Root.Nodes...), action(leaveName, begin))
}

func (i instrumenter) list(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch node := node.(type) {
		case *parse.ActionNode:
			i.pipe(node.Pipe)
		case *parse.TemplateNode:
			i.pipe(node.Pipe)
		case *parse.IfNode:
			i.branch(&node.BranchNode)
		case *parse.WithNode:
			i.branch(&node.BranchNode)
		case *parse.RangeNode:
			i.branch(&node.BranchNode)
			node.List.Nodes = append([]parse.Node{action(stepName, node.Position())}, node.List.Nodes...)
		}
	}
}

func (i instrumenter) branch(branch *parse.BranchNode) {
	i.pipe(branch.Pipe)
	i.list(branch.List)
	i.list(branch.ElseList)
}

func (i instrumenter) pipe(pipe *parse.PipeNode) {
	if pipe == nil {
		return
	}
	var commands []*parse.CommandNode
	for _, each := range pipe.Cmds {
		for _, arg := range each.Args {
			i.argument(arg)
		}
		commands = append(commands, each)
		if calls(each) {
			commands = append(commands, command(measureName, each.Position()))
		}
	}
	pipe.Cmds = commands
}

func (i instrumenter) argument(node parse.Node) {
	switch node := node.(type) {
	case *parse.IdentifierNode:
		i.called[node.Ident] = true
	case *parse.PipeNode:
		i.pipe(node)
	case *parse.ChainNode:
		i.argument(node.Node)
	}
}

// calls tells whether a command may make a new value, by a function or by a
// method of what a function made.
func calls(command *parse.CommandNode) bool {
	switch first := command.Args[0].(type) {
	case *parse.IdentifierNode, *parse.FieldNode, *parse.ChainNode:
		return true
	case *parse.VariableNode:
		return len(first.Ident) > 1
	default:
		return false
	}
}

func action(name string, at parse.Pos) parse.Node {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: at, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: at, Cmds: []*parse.CommandNode{command(name, at)},
	}}
}

func command(name string, at parse.Pos) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: at, Args: []parse.Node{parse.NewIdentifier(name).SetPos(at)}}
}
