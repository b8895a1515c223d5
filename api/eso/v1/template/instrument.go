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

// instrument amends a tree, so that whatever repeats or grows is counted.
func instrument(tree *parse.Tree) {
	if tree == nil || tree.Root == nil {
		return
	}
	instrumentList(tree.Root)
	begin := tree.Root.Position()
	tree.Root.Nodes = append(append([]parse.Node{action(enterName, begin)}, tree.Root.Nodes...), action(leaveName, begin))
}

func instrumentList(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, node := range list.Nodes {
		switch node := node.(type) {
		case *parse.ActionNode:
			instrumentPipe(node.Pipe)
		case *parse.TemplateNode:
			instrumentPipe(node.Pipe)
		case *parse.IfNode:
			instrumentBranch(&node.BranchNode)
		case *parse.WithNode:
			instrumentBranch(&node.BranchNode)
		case *parse.RangeNode:
			instrumentBranch(&node.BranchNode)
			node.List.Nodes = append([]parse.Node{action(stepName, node.Position())}, node.List.Nodes...)
		}
	}
}

func instrumentBranch(branch *parse.BranchNode) {
	instrumentPipe(branch.Pipe)
	instrumentList(branch.List)
	instrumentList(branch.ElseList)
}

func instrumentPipe(pipe *parse.PipeNode) {
	if pipe == nil {
		return
	}
	var commands []*parse.CommandNode
	for _, each := range pipe.Cmds {
		for _, arg := range each.Args {
			instrumentArgument(arg)
		}
		commands = append(commands, each)
		if calls(each) {
			commands = append(commands, command(measureName, each.Position()))
		}
	}
	pipe.Cmds = commands
}

func instrumentArgument(node parse.Node) {
	switch node := node.(type) {
	case *parse.PipeNode:
		instrumentPipe(node)
	case *parse.ChainNode:
		instrumentArgument(node.Node)
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
